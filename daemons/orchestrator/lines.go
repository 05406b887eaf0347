package orchestrator

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// maxLine bounds one line of a state file; a longer one is damage. A build of
// maxUnitRecords units makes some 10 MB.
const maxLine = 32 << 20

// readLines calls fn with every line of a file, newline cut off, except those of more
// than limit bytes. A line is valid only during the call.
func readLines(path string, limit int, fn func(line []byte)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	var long []byte // the beginning of a line that does not fit r's buffer
	for skip := false; ; {
		part, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		ends := !errors.Is(err, bufio.ErrBufferFull)
		skip = skip || len(long)+len(part) > limit
		switch {
		case skip:
			long = nil
		case !ends || len(long) > 0:
			long = append(long, part...)
			part = long
		}
		if ends {
			if line := cutNewline(part); !skip && len(line) > 0 {
				fn(line)
			}
			long, skip = long[:0], false
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

func cutNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		return line[:n-1]
	}
	return line
}

// appendLines adds whole lines to a file. If a crash left half a line at its end,
// that one is ended first, so that it takes no other with it.
func appendLines(path string, lines []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() > 0 {
		last := []byte{0}
		if _, err = f.ReadAt(last, fi.Size()-1); err == nil && last[0] != '\n' {
			lines = append([]byte{'\n'}, lines...)
		}
	}
	if err == nil {
		_, err = f.Write(lines)
	}
	return errors.Join(err, f.Close())
}

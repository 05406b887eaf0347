package orchestrator

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/rootid"
)

// maxLine bounds one line of a state file; a longer one is damage. A build of
// maxUnitRecords units makes some 10 MB.
const maxLine = 32 << 20

// jsonlFile is a state file of one JSON value a line, appended to. A line that names a
// folder (see rootid) says whose lines follow: a copy of a project brings the lines of the
// original along, and does not use them.
type jsonlFile struct {
	path string // "" = memory only
	root rootid.ID
	ours bool // what is appended now follows the line of our root
}

// read calls fn with every line of our root; see readLines. A file that is not there is
// no error.
func (f *jsonlFile) read(fn func(line []byte)) error {
	return f.readAll(func(line []byte, ours bool) {
		if ours {
			fn(line)
		}
	})
}

// readAll calls fn with every line, those of other roots too.
func (f *jsonlFile) readAll(fn func(line []byte, ours bool)) error {
	err := readLines(f.path, maxLine, func(line []byte) {
		if bytes.HasPrefix(line, []byte("root ")) {
			f.ours = string(line) == string(f.root)
			return
		}
		fn(line, f.ours)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// append adds whole lines.
func (f *jsonlFile) append(lines []byte) error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !f.ours || info.Size() == 0 {
		lines = append(f.root.Header(), lines...)
	}
	if info.Size() > 0 {
		// Half a line that a crash left at the end is ended, so that it takes no other
		// with it.
		last := []byte{0}
		if _, err := file.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			lines = append([]byte{'\n'}, lines...)
		}
	}
	if _, err := file.Write(lines); err != nil {
		return err
	}
	f.ours = true
	return nil
}

// replace makes lines the content of the file.
func (f *jsonlFile) replace(lines []byte) error {
	if err := atomicfile.Write(f.path, append(f.root.Header(), lines...)); err != nil {
		return err
	}
	f.ours = true
	return nil
}

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

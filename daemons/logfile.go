package daemons

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

const (
	logSize  = 5 << 20 // bytes of one part
	logParts = 3       // NAME.log, NAME.log.1, NAME.log.2
)

// logFile is a log that stays small and never fails: lines that cannot be written (full
// disk, deleted folder) are dropped and counted.
type logFile struct {
	path   string
	size   int64 // of one part
	output bool  // standard output and error go there, too

	mu      sync.Mutex
	file    *os.File // nil while it cannot be opened
	written int64
	dropped int
}

// openLogFile opens the log at path. With output, what the process prints goes there,
// too, such as the runtime's message when it crashes.
func openLogFile(path string, size int64, output bool) *logFile {
	l := &logFile{path: path, size: size, output: output}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open()
	return l
}

// logger writes to w as JSON lines.
func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// open opens the file at its path, or keeps what is open.
func (l *logFile) open() {
	f, err := openPrivate(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return
	}
	l.written = 0
	if fi, err := f.Stat(); err == nil {
		l.written = fi.Size()
	}
	if l.output {
		redirectOutput(f)
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file = f
}

// Write implements io.Writer; it never fails: a daemon works without its log, too.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written > 0 && l.written+int64(len(line)) > l.size {
		l.rotate()
	}
	if l.file == nil {
		l.dropped++
		return len(line), nil
	}
	if l.dropped > 0 {
		note := fmt.Sprintf(`{"level":"WARN","msg":"lines were lost","lines":%d}`+"\n", l.dropped)
		if _, err := l.file.WriteString(note); err == nil {
			l.dropped = 0
		}
	}
	n, err := l.file.Write(line)
	l.written += int64(n)
	if err != nil {
		l.dropped++
	}
	return len(line), nil
}

// rotate renames the parts and begins a new one.
func (l *logFile) rotate() {
	for i := logParts - 1; i > 0; i-- {
		os.Rename(logPart(l.path, i-1), logPart(l.path, i))
	}
	l.open()
}

// logPart names a part of a log, 0 for the one that is written.
func logPart(path string, i int) string {
	if i == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, i)
}

// heal opens the log again if it was deleted or moved away.
func (l *logFile) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	there, err := os.Lstat(l.path)
	if err == nil && l.file != nil {
		if mine, err := l.file.Stat(); err == nil && os.SameFile(mine, there) {
			return
		}
	}
	os.MkdirAll(filepath.Dir(l.path), 0o700)
	l.open()
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// linkLog makes daemon_logs/NAME.log lead to the log of the set started last.
func linkLog(p Paths, name string) error {
	link := filepath.Join(p.logBase(), name+".log")
	tmp := filepath.Join(p.LogDir(), fmt.Sprintf(".%s.%d", name, os.Getpid()))
	os.Remove(tmp)
	if err := os.Symlink(filepath.Join(p.Set, name+".log"), tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, link); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

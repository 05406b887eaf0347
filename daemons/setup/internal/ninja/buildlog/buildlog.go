package buildlog

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// DefaultVersion is the version of a new log: the one of the ninja that distributions have.
const DefaultVersion = 5

const (
	oldest = 5
	newest = 7
)

// Entry is what is known of one output.
type Entry struct {
	Output     string
	Start, End int   // milliseconds since the start of the build that made it
	Mtime      int64 // nanoseconds: when the command began, or of the output
	Hash       uint64
}

// Log is one .ninja_log. Only one goroutine may use it.
type Log struct {
	path    string
	version int
	entries map[string]*Entry
	order   []*Entry // as first seen
	stale   bool     // has many lines for few outputs
	file    *os.File // open for appending, or nil
}

// Load reads a log. A missing one is empty. The warning says that an unusable log was
// removed.
func Load(path string) (l *Log, warning string, err error) {
	l = &Log{path: path, version: DefaultVersion, entries: make(map[string]*Entry)}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, "", nil
	case err != nil:
		return nil, "", err
	case len(data) == 0:
		return l, "", nil
	}
	version := versionOf(string(data[:min(len(data), 64)]))
	if version < oldest || version > newest {
		warning = "build log version is too old; starting over"
		if version > newest {
			warning = "build log version is too new; starting over"
		}
		return l, warning, os.Remove(path)
	}
	l.version = version
	l.parse(string(data))
	return l, "", nil
}

// versionOf reads the first line; 0 is no log of ninja.
func versionOf(text string) int {
	rest, ok := strings.CutPrefix(text, "# ninja log v")
	if !ok {
		return 0
	}
	line, _, _ := strings.Cut(rest, "\n")
	version, _ := strconv.Atoi(strings.TrimSpace(line))
	return version
}

// How much larger than needed a log may be.
const (
	minLines = 100
	maxRatio = 3
)

func (l *Log) parse(text string) {
	lines := 0
	for {
		line, rest, complete := strings.Cut(text, "\n")
		if !complete {
			break
		}
		if e, ok := parseLine(line); ok {
			l.put(e)
			lines++
		}
		text = rest
	}
	l.stale = lines > minLines && lines > len(l.order)*maxRatio
}

// parseLine reads "start end mtime output hash", with tabs between.
func parseLine(line string) (e Entry, ok bool) {
	var fields [4]string
	for i := range fields {
		fields[i], line, ok = strings.Cut(line, "\t")
		if !ok {
			return Entry{}, false
		}
	}
	e.Start, _ = strconv.Atoi(fields[0])
	e.End, _ = strconv.Atoi(fields[1])
	e.Mtime, _ = strconv.ParseInt(fields[2], 10, 64)
	e.Output = fields[3]
	e.Hash, _ = strconv.ParseUint(line, 16, 64)
	return e, true
}

func (l *Log) put(e Entry) {
	if old := l.entries[e.Output]; old != nil {
		*old = e
		return
	}
	l.entries[e.Output] = &e
	l.order = append(l.order, &e)
}

// Version is the version of the log's format.
func (l *Log) Version() int { return l.version }

// Lookup returns what is known of an output, or nil.
func (l *Log) Lookup(output string) *Entry { return l.entries[output] }

// Entries returns all entries in the order in which they were first seen.
func (l *Log) Entries() []*Entry { return l.order }

// Stale says that the log wants [Log.Recompact].
func (l *Log) Stale() bool { return l.stale }

// Record notes entries, in the file too, with one write.
func (l *Log) Record(entries ...Entry) error {
	if err := l.Create(); err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		l.put(e)
		e.writeTo(&b)
	}
	_, err := l.file.WriteString(b.String())
	return err
}

func (e Entry) writeTo(w interface{ WriteString(string) (int, error) }) error {
	_, err := w.WriteString(fmt.Sprintf("%d\t%d\t%d\t%s\t%x\n", e.Start, e.End, e.Mtime, e.Output, e.Hash))
	return err
}

func (l *Log) header() string { return fmt.Sprintf("# ninja log v%d\n", l.version) }

// Create makes sure that the file exists and is open.
func (l *Log) Create() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if st, err := f.Stat(); err != nil || st.Size() == 0 {
		if _, err := f.WriteString(l.header()); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	l.file = f
	return nil
}

// Close closes the file; the next Record opens it again. A generator may replace it in
// between: CMake calls `ninja -t recompact` and `-t restat`.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

// Recompact writes the log anew with one line for each output, without those that are dead.
func (l *Log) Recompact(dead func(output string) bool) error {
	l.order = slices.DeleteFunc(l.order, func(e *Entry) bool {
		if !dead(e.Output) {
			return false
		}
		delete(l.entries, e.Output)
		return true
	})
	l.stale = false
	return l.rewrite(".recompact")
}

// Restat sets the recorded times of outputs to those of the files, of all if none are
// named. A file that is missing has time 0.
func (l *Log) Restat(outputs []string, mtime func(path string) (int64, error)) error {
	for _, e := range l.order {
		if len(outputs) > 0 && !slices.Contains(outputs, e.Output) {
			continue
		}
		t, err := mtime(e.Output)
		if err != nil {
			return err
		}
		e.Mtime = t
	}
	return l.rewrite(".restat")
}

// rewrite replaces the file by one with each entry once.
func (l *Log) rewrite(suffix string) error {
	if err := l.Close(); err != nil {
		return err
	}
	f, err := os.Create(l.path + suffix)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	w.WriteString(l.header())
	for _, e := range l.order {
		e.writeTo(w)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), l.path)
}

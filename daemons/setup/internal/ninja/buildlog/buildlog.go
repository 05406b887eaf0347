package buildlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/appendlog"
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
	appendlog.File
	version int
	entries map[string]*Entry
	order   []*Entry // as first seen
	stale   bool     // has many lines for few outputs
}

// Load reads a log. A missing one is empty. The warning says that an unusable log was
// removed.
func Load(path string) (l *Log, warning string, err error) {
	l = newLog(path, DefaultVersion)
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
	l = newLog(path, version)
	l.parse(string(data))
	return l, "", nil
}

func newLog(path string, version int) *Log {
	header := fmt.Appendf(nil, "# ninja log v%d\n", version)
	return &Log{File: appendlog.New(path, header), version: version, entries: make(map[string]*Entry)}
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
	var buf []byte
	for _, e := range entries {
		l.put(e)
		buf = e.appendTo(buf)
	}
	return l.Append(buf)
}

func (e Entry) appendTo(buf []byte) []byte {
	return fmt.Appendf(buf, "%d\t%d\t%d\t%s\t%x\n", e.Start, e.End, e.Mtime, e.Output, e.Hash)
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
	var buf []byte
	for _, e := range l.order {
		buf = e.appendTo(buf)
	}
	return l.Replace(suffix, buf)
}

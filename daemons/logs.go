package daemons

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// LogLine is one line of a daemon's log.
type LogLine struct {
	Daemon  string
	Time    time.Time // zero for a line before any with a time
	Level   string    // "INFO", "WARN", …; "" for a line that is not JSON: the trace of a panic
	Message string
	Fields  map[string]any // the rest of the JSON object
	Attrs   string         // Fields to be printed: " key=value" for each, sorted by key
	Raw     string         // the line as it is in the file
}

// Lines between which the life of one process lies in a log.
const (
	startedMessage = "started"
	endedMessage   = "ended"
)

// followEvery is the period at which a followed log is looked at.
const followEvery = 200 * time.Millisecond

// Tail calls fn with the last n lines of the named daemons' logs (all daemons if none is
// named), merged in order of time. With follow it goes on with later lines until ctx
// ends. The end of ctx is no error.
func Tail(ctx context.Context, p Paths, names []string, n int, follow bool, fn func(LogLine)) error {
	if err := checkNames(names); err != nil {
		return err
	}
	if len(names) == 0 {
		names = ipc.DaemonNames()
	}
	var lines []LogLine
	var tails []*tail
	for _, name := range names {
		t := &tail{paths: p, name: name}
		defer t.close()
		lines = append(lines, t.last(n)...)
		tails = append(tails, t)
	}
	slices.SortStableFunc(lines, func(a, b LogLine) int { return a.Time.Compare(b.Time) })
	for _, line := range lines[max(0, len(lines)-n):] {
		fn(line)
	}
	for follow && pause.For(ctx, followEvery) == nil {
		for _, t := range tails {
			t.read(fn)
		}
	}
	return nil
}

// tail reads one daemon's log over rotations.
type tail struct {
	paths   Paths
	name    string
	file    *os.File
	partial []byte    // a line whose end was not written yet
	at      time.Time // of the last line with a time
}

// last returns the last n lines, with those of older parts where needed, and leaves
// the file open at its end.
func (t *tail) last(n int) []LogLine {
	var lines []LogLine
	for i := logParts - 1; i >= 0; i-- {
		t.open(logPart(t.paths.LogFile(t.name), i))
		t.drain(func(l LogLine) { lines = append(lines, l) })
	}
	return lines[max(0, len(lines)-n):]
}

func (t *tail) open(path string) {
	f, err := openPrivate(path, os.O_RDONLY)
	if err != nil {
		return
	}
	t.close()
	t.file, t.partial = f, nil
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// read calls fn with the lines written since the last call, and opens the new file if the
// log was rotated or deleted.
func (t *tail) read(fn func(LogLine)) {
	t.drain(fn)
	there, err := os.Lstat(t.paths.LogFile(t.name))
	if err != nil {
		return
	}
	if t.file != nil {
		if mine, err := t.file.Stat(); err == nil && os.SameFile(mine, there) {
			return
		}
	}
	t.open(t.paths.LogFile(t.name))
	t.drain(fn)
}

func (t *tail) drain(fn func(LogLine)) {
	if t.file == nil {
		return
	}
	for r := bufio.NewReader(t.file); ; {
		chunk, err := r.ReadBytes('\n')
		t.partial = append(t.partial, chunk...)
		if err != nil {
			return
		}
		line := parseLogLine(t.name, string(bytes.TrimSuffix(t.partial, []byte("\n"))))
		t.partial = nil
		if line.Time.IsZero() {
			line.Time = t.at // a trace belongs to what was logged before it
		}
		t.at = line.Time
		fn(line)
	}
}

// parseLogLine takes a line of slog's JSON handler apart.
func parseLogLine(daemon, raw string) LogLine {
	line := LogLine{Daemon: daemon, Raw: raw, Message: raw}
	var fields map[string]any
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return line
	}
	text := func(key string) string {
		s, _ := fields[key].(string)
		delete(fields, key)
		return s
	}
	line.Time, _ = time.Parse(time.RFC3339Nano, text("time"))
	line.Level, line.Message, line.Fields = text("level"), text("msg"), fields
	line.Attrs = attrText(fields)
	return line
}

// attrText writes attributes as text, those that every line has left out.
func attrText(fields map[string]any) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key == "daemon" || key == "pid" {
			continue
		}
		if s, ok := fields[key].(string); ok {
			if strings.ContainsAny(s, " \t\n\"") {
				s = strconv.Quote(s)
			}
			fmt.Fprintf(&b, " %s=%s", key, s)
			continue
		}
		fmt.Fprintf(&b, " %s=%v", key, fields[key])
	}
	return b.String()
}

// lastLines returns up to n lines from the end of a daemon's log, as they are.
func lastLines(p Paths, name string, n int) []string {
	f, err := openPrivate(p.LogFile(name), os.O_RDONLY)
	if err != nil {
		return nil
	}
	defer f.Close()
	const enough = 64 << 10
	if end, err := f.Seek(0, io.SeekEnd); err != nil || end == 0 {
		return nil
	} else if _, err := f.Seek(max(0, end-enough), io.SeekStart); err != nil {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, enough))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}

// crashText says which process of a daemon crashed, when, and its last message. Only
// signal 9 ends a Go program without a message: it handles all others, or prints a trace.
// Its last log line says when it was still alive. pid is 0 where the process never got as
// far as its endpoint.
func crashText(p Paths, name string, pid int) string {
	words := lastWords(p, name)
	switch {
	case pid == 0:
		return words
	case words != "":
		return fmt.Sprintf("PID %d: %s", pid, words)
	}
	text := fmt.Sprintf("PID %d was killed by signal 9", pid)
	if info, err := os.Stat(p.LogFile(name)); err == nil {
		text += ", after " + info.ModTime().Local().Format(time.TimeOnly)
	}
	return text
}

// lastWords returns what a daemon that crashed said last: the first line of a panic,
// or an error of the log. "" if there is neither since it began.
func lastWords(p Paths, name string) string {
	for _, raw := range slices.Backward(lastLines(p, name, 200)) {
		if strings.HasPrefix(raw, "panic: ") || strings.HasPrefix(raw, "fatal error: ") {
			return raw
		}
		line := parseLogLine(name, raw)
		switch {
		case line.Level == "ERROR":
			return line.Message
		case line.Level != "" && (line.Message == startedMessage || line.Message == endedMessage):
			return ""
		}
	}
	return ""
}

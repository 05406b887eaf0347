package daemons

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

func logPaths(t *testing.T) Paths {
	t.Helper()
	dir := t.TempDir()
	p := NewPaths(filepath.Join(dir, "home"), filepath.Join(dir, "project"))
	if err := os.MkdirAll(p.LogDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLogStaysSmallAndWhole(t *testing.T) {
	t.Parallel()
	p := logPaths(t)
	const size = 4096
	l := openLogFile(p.LogFile(ipc.NameSetup), size, false)
	defer l.close()
	log := logger(l)
	for i := range 200 {
		log.Info("line", "number", i)
	}
	var total int64
	parts, err := filepath.Glob(p.LogFile(ipc.NameSetup) + "*")
	if err != nil || len(parts) != logParts {
		t.Fatalf("parts %v, %v", parts, err)
	}
	for _, part := range parts {
		fi, err := os.Stat(part)
		if err != nil || fi.Size() > size {
			t.Errorf("%s: %v, %v", part, fi.Size(), err)
		}
		total += fi.Size()
	}
	if total < 2*size {
		t.Errorf("only %d bytes were kept", total)
	}
	var numbers []string
	collect := func(l LogLine) { numbers = append(numbers, l.Attrs) }
	if err := Tail(t.Context(), p, []string{ipc.NameSetup}, 60, false, collect); err != nil {
		t.Fatal(err)
	}
	for i, n := range numbers {
		if want := fmt.Sprintf(" number=%d", 200-60+i); n != want {
			t.Fatalf("line %d of the tail is %q, want %q", i, n, want)
		}
	}
	if len(numbers) != 60 {
		t.Errorf("%d lines, want 60", len(numbers))
	}
}

func TestTailFollowsOverRotationAndDeletion(t *testing.T) {
	t.Parallel()
	p := logPaths(t)
	l := openLogFile(p.LogFile(ipc.NameSetup), 64<<10, false)
	defer l.close()
	log := logger(l)
	log.Info("before")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	lines := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		done <- Tail(ctx, p, nil, 10, true, func(l LogLine) { lines <- l.Daemon + ":" + l.Message })
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Errorf("followed %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("no line, want %q", want)
		}
	}
	expect("setup:before")
	log.Info("more")
	expect("setup:more")
	l.mu.Lock()
	l.rotate()
	l.mu.Unlock()
	log.Info("after rotation")
	expect("setup:after rotation")
	if err := os.RemoveAll(p.LogDir()); err != nil {
		t.Fatal(err)
	}
	l.heal()
	log.Info("after deletion")
	expect("setup:after deletion")
	stop()
	if err := <-done; err != nil {
		t.Errorf("the end of following: %v", err)
	}
}

func TestTailMergesByTime(t *testing.T) {
	t.Parallel()
	p := logPaths(t)
	put := func(name string, lines ...string) {
		if err := os.WriteFile(p.LogFile(name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(ipc.NameSetup, `{"time":"2026-01-01T00:00:01Z","level":"INFO","msg":"b"}`, "panic: a trace", "\tof two lines",
		`{"time":"2026-01-01T00:00:04Z","level":"ERROR","msg":"d","file":"a b","n":3,"pid":1}`)
	put(ipc.NameDiscovery, `{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"a"}`, `{"time":"2026-01-01T00:00:03Z","level":"WARN","msg":"c"}`)
	var got []string
	if err := Tail(t.Context(), p, nil, 100, false, func(l LogLine) { got = append(got, l.Level+":"+l.Message+l.Attrs) }); err != nil {
		t.Fatal(err)
	}
	want := []string{"INFO:a", "INFO:b", ":panic: a trace", ":\tof two lines", "WARN:c", `ERROR:d file="a b" n=3`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if words := lastWords(p, ipc.NameSetup); words != "d" {
		t.Errorf("last words %q", words)
	}
	if err := Tail(t.Context(), p, []string{"nonsense"}, 1, false, func(LogLine) {}); ipc.CodeOf(err) != ipc.CodeNotFound {
		t.Errorf("log of nonsense: %v", err)
	}
}

func TestLastWordsAreThoseOfTheLastLife(t *testing.T) {
	t.Parallel()
	p := logPaths(t)
	l := openLogFile(p.LogFile(ipc.NameSetup), logSize, false)
	defer l.close()
	log := logger(l)
	log.Error("old trouble")
	log.Info(startedMessage)
	log.Info("work")
	if words := lastWords(p, ipc.NameSetup); words != "" {
		t.Errorf("last words %q are of an earlier life", words)
	}
}

// A log that is a link, a FIFO or another's is not written to, and costs nothing but
// the log.
func TestLogIsNeverALink(t *testing.T) {
	t.Parallel()
	p := logPaths(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, p.LogFile(ipc.NameSetup)); err != nil {
		t.Fatal(err)
	}
	l := openLogFile(p.LogFile(ipc.NameSetup), logSize, false)
	defer l.close()
	logger(l).Info("line")
	if text, err := os.ReadFile(victim); err != nil || len(text) > 0 {
		t.Errorf("the link's target has %q, %v", text, err)
	}
	if err := os.Remove(p.LogFile(ipc.NameSetup)); err != nil {
		t.Fatal(err)
	}
	l.heal()
	logger(l).Info("now")
	lines := lastLines(p, ipc.NameSetup, 10)
	if len(lines) != 2 || !strings.Contains(lines[0], "lines were lost") || !strings.Contains(lines[1], "now") {
		t.Errorf("after healing: %q", lines)
	}
}

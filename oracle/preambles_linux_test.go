package oracle

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// tally counts what preambles did in all projects.
type tally struct {
	mu    sync.Mutex
	used  int
	debug int            // of these, with -g
	not   map[string]int // compiles for which there was none, by the kind of reason
}

func (s *tally) add(note string, debug bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if note != "used" {
		if s.not == nil {
			s.not = map[string]int{}
		}
		s.not[kindOfNote(note)]++
		return
	}
	s.used++
	if debug {
		s.debug++
	}
}

// kindOfNote leaves out the names that stand before what happened.
func kindOfNote(note string) string {
	for _, kind := range []string{
		"changed since it was made", "appeared since it was made", "was removed since it was made",
		"gone or damaged", "the compile with it failed", "does not compile by itself",
	} {
		if strings.Contains(note, kind) {
			return kind
		}
	}
	return note
}

// check fails if preambles were never used: then nothing was shown of them.
func (s *tally) check(t *testing.T) {
	t.Logf("%d compiles with a preamble, %d of them with -g", s.used, s.debug)
	for _, why := range slices.SortedFunc(maps.Keys(s.not), func(a, b string) int { return s.not[b] - s.not[a] }) {
		t.Logf("%4d without: %s", s.not[why], why)
	}
	if s.used == 0 && strings.HasPrefix(compilers(t)[0], "clang") {
		t.Error("no compile used a preamble")
	}
}

// notePreambles counts the compiles of a build and remembers the objects that were made
// with a preamble.
func (w *world) notePreambles(b *built) {
	for _, u := range b.units {
		if u.Status != ipc.StatusCompiled || u.Reason.Preamble == "" {
			continue
		}
		w.tally.add(u.Reason.Preamble, w.settings.debug)
		if object, err := os.ReadFile(w.abs(path.Join("p/build/obj", u.Target, u.File+".o"))); err == nil && u.Reason.Preamble == "used" {
			w.byPreamble[digestOf(string(object))] = true
		}
	}
}

// mayLackDebug is for objects with debug information, of which a preamble leaves out
// what the unit does not use: everything else must be what the plain compiler makes.
// An object of which nobody told how it was made (its daemon was killed, or built by
// itself) may be such a one.
func (j *judgement) mayLackDebug(is, want []byte) bool {
	told := !j.auto && !j.killed
	return j.settings.debug && j.preamble == "auto" && (j.byPreamble[digestOf(string(is))] || !told) &&
		j.withoutDebug(is) == j.withoutDebug(want)
}

func (w *world) withoutDebug(object []byte) digest {
	file := w.abs("plain/debug.o")
	w.must(os.WriteFile(file, object, 0o644))
	if text, err := exec.Command("strip", "--strip-debug", file).CombinedOutput(); err != nil {
		w.must(fmt.Errorf("strip: %w: %s", err, text))
	}
	text, err := os.ReadFile(file)
	w.must(err)
	return digestOf(string(text))
}

// plainInclude is how those sources end their includes of which a preamble can be made.
var plainInclude = regexp.MustCompile(`(?m)^#include "[a-z/.]+"\n(int |extern |#ifdef [A-Z])`)

// editByHand is somebody at work on one source: save, build, look, save again. While
// they look, the source's preamble is made, and some of what they change then makes it
// a wrong one. Only a daemon has pauses.
func (w *world) editByHand() []string {
	set := w.daemon
	w.daemon = true
	if !set && w.chance(70) {
		defer func() { w.daemon = false }()
	}
	if w.failing && w.good != nil { // what does not compile has no preamble
		w.note("back to the state that was built last")
		w.restore(w.good)
	}
	from := slices.DeleteFunc(w.sources(), func(s string) bool { return !plainInclude.MatchString(w.read(s)) })
	if len(from) == 0 {
		from = w.sources()
	}
	file := pick(w, from)
	w.note("work on %s:", file)
	for round := range 2 + w.between(3) {
		w.appendTo(file)
		if round > 0 && w.chance(50) {
			w.change()
		}
		if wrong := w.buildAndJudge(); len(wrong) > 0 {
			return wrong
		}
		w.awaitPreambles()
		if w.failing || !w.isFile(file) {
			return nil
		}
	}
	return nil
}

func (w *world) appendTo(file string) {
	w.fresh++
	w.note("append to %s", file)
	w.save(file, fmt.Sprintf("%sint appended%d = %d;\n", w.read(file), w.fresh, w.number()), w.chance(50))
}

// awaitPreambles waits until none is to be made any more.
func (w *world) awaitPreambles() {
	if !w.daemon {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := ipc.NewCompilationClient(daemons.Dialer(w.project().Paths(), ipc.NameCompilation))
	defer c.Close()
	for {
		var now struct {
			Waiting int `json:"preambles_waiting"`
		}
		if err := c.Stats(ctx, &now); ctx.Err() != nil {
			w.must(fmt.Errorf("preambles are not made: %w", ctx.Err()))
		} else if err != nil || now.Waiting == 0 {
			return // no daemon, no preamble
		}
		time.Sleep(2 * time.Millisecond)
	}
}

//go:build unix

package compilation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// halted waits until the compiler's wrapper has stopped itself, which is no file that a
// tracer sees, and returns how to let it go on.
func (p *project) halted() (goOn func()) {
	p.t.Helper()
	pid := 0
	testkit.Until(p.t, "the wrapper to stop", func() bool {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range stats {
			stat, err1 := os.ReadFile(file)
			line, err2 := os.ReadFile(filepath.Dir(file) + "/cmdline")
			if err1 == nil && err2 == nil && strings.Contains(string(stat), ") T ") && strings.Contains(string(line), p.tool.CXX) {
				pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
			}
		}
		return pid != 0
	})
	return func() {
		if pid == 0 {
			return
		}
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			p.t.Error(err)
		}
	}
}

// An edit while the compiler runs, before or after it has read the file, reverted or
// not: the object is delivered, never stored, never taken for clean, and the next
// build makes the right one. How the edit waits for the compiler must be no doubt of
// its own, as a pipe would be, so each names the file that it is about.
func TestEditDuringCompile(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("/proc is needed to see the wrapper stop")
	}
	const old, new = "inline int value() { return 1; }\n", "inline int value() { return 2; }\n"
	const before, after = `kill -STOP $$; exec $real "$@"`, `$real "$@"; kill -STOP $$`
	edit := func(p *project) { p.write("include/value.h", new) }
	for _, tt := range []struct {
		name, script string
		edit         func(p *project)
		doubt        string // what it is about, "" if there is none
	}{
		{"before it is read", before, edit, "value.h"},
		{"after it was read", after, edit, "value.h"},
		{"edited and reverted", `kill -STOP $$; $real "$@"; kill -STOP $$`, func(p *project) {
			edit(p)
			p.halted()()
			goOn := p.halted()
			p.write("include/value.h", old)
			goOn()
		}, "value.h"},
		{"renamed over", after, func(p *project) {
			p.write("include/fresh.h", new)
			if err := os.Rename(p.path("include/fresh.h"), p.path("include/value.h")); err != nil {
				p.t.Error(err)
			}
		}, "value.h"},
		// The name was missing while it was looked for, and that is what is stored: it is
		// right, and is not found again while the name is there.
		{"shadowed", after, func(p *project) { p.write("src/first/value.h", new) }, ""},
		{"removed", after, func(p *project) { p.write("src/value.h", new); p.remove("include/value.h") }, "value.h"},
		// The other folder's files are older than the compile, and keep their times.
		{"another folder in its place", after, func(p *project) {
			move(p, "include", "old")
			move(p, "other", "include")
		}, "include"},
		// No dependency file knows of this one.
		{"read by the assembler", after, func(p *project) { p.write("data.bin", "two") }, "data.bin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := anyCompiler(t)
			small(p)
			if tt.doubt == "data.bin" {
				p.write("data.bin", "one")
				p.write("src/main.cpp", "asm(\".section .rodata\\n.incbin \\\"data.bin\\\"\\n.text\");\nint f() { return 1; }\n")
			}
			p.write("other/value.h", new)
			plain := p.tool
			p.wrap(tt.script)
			p.ready()
			edited := make(chan struct{})
			go func() {
				defer close(edited)
				goOn := p.halted()
				if strings.Count(tt.script, "STOP") == 2 {
					tt.edit(p) // which lets it go on
					return
				}
				tt.edit(p)
				goOn()
			}()
			r := p.build("src/main.cpp")
			<-edited
			if r.Status != ipc.StatusCompiled || (r.Key == "") != (tt.doubt != "") {
				t.Errorf("%+v", r)
			}
			if why := p.track[r.ID].Unsettled; (why == "") != (tt.doubt == "") || !strings.Contains(why, tt.doubt) {
				t.Errorf("discovery hears of the doubt %q, want one about %q", why, tt.doubt)
			}
			if st := p.store.Stats(); tt.doubt != "" && st.Stored != 0 {
				t.Errorf("%d stored", st.Stored)
			}
			p.tool.CXX = plain.CXX
			r = p.build("src/main.cpp")
			if r.Status != ipc.StatusCompiled {
				t.Errorf("afterwards %+v", r)
			}
			p.sameAsPlain("src/main.cpp")
			p.expect("and then", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
		})
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"context", "cancel", "close"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := anyCompiler(t)
			small(p)
			p.write("src/second.cpp", "int g;\n")
			p.cfg.Jobs = 1
			p.wrap(`echo $$ > $PWD/pid; sleep 60 & sleep 60`)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := p.start()
			go func() {
				testkit.Until(t, "the compiler", func() bool { b, _ := os.ReadFile(p.path("pid")); return len(b) > 1 })
				switch how {
				case "context":
					cancel()
				case "cancel":
					if r, err := s.Cancel(context.Background(), ipc.CancelRequest{Build: "b1"}); err != nil || !r.Cancelled {
						t.Errorf("cancel: %+v, %v", r, err)
					}
				case "close":
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}()
			out, err := p.run(ctx, p.batch("src/main.cpp", "src/second.cpp"))
			if code := ipc.CodeOf(err); code != ipc.CodeCancelled && (how != "close" || code != ipc.CodeStopping) {
				t.Errorf("error %v", err)
			}
			for name, r := range out {
				if r.Status != ipc.StatusSkipped || r.Reason.Code != ipc.ReasonCancelled {
					t.Errorf("%s: %+v", name, r)
				}
			}
			pid := strings.TrimSpace(p.read("pid"))
			testkit.Until(t, "the end of all", func() bool { return len(groupMembersOf(t, pid)) == 0 })
			left, _ := filepath.Glob(p.path("build/obj/app/src/*"))
			hidden, _ := filepath.Glob(p.path("build/obj/app/src/.rb-*"))
			if len(left)+len(hidden) != 0 {
				t.Errorf("left: %q %q", left, hidden)
			}
			if n := len(s.requests.running); n != 0 {
				t.Errorf("%d requests left", n)
			}
		})
	}
}

func groupMembersOf(t *testing.T, pid string) []string {
	t.Helper()
	var group int
	if _, err := fmt.Sscan(pid, &group); err != nil {
		t.Fatal(err)
	}
	return testkit.GroupMembers(t, group)
}

func TestCompileTimeout(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.wrap(`sleep 60`)
	req := p.batch("src/main.cpp")
	req.Timeout = 0.3
	out, err := p.run(t.Context(), req)
	r := out["src/main.cpp"]
	if err != nil || r.Status != ipc.StatusFailed || r.Reason.Code != ipc.ReasonTimeout || !strings.Contains(r.Reason.Text, "300ms") || len(r.Command) == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A compiler that a signal ends says nothing itself; the reason names the signal.
func TestKilledCompilerNamesTheSignal(t *testing.T) {
	t.Parallel()
	for signal, want := range map[string]string{
		"KILL": "the compiler was killed by signal 9, probably because memory ran out",
		"SEGV": "the compiler was killed by signal 11 (segmentation fault)",
	} {
		p := anyCompiler(t)
		small(p)
		p.wrap(`kill -` + signal + ` $$`)
		out, err := p.run(t.Context(), p.batch("src/main.cpp"))
		if r := out["src/main.cpp"]; err != nil || r.Status != ipc.StatusFailed || r.Reason.Text != want {
			t.Errorf("%s: %+v, %v", signal, r, err)
		}
	}
}

// Units with the same command and source at the same moment: one compile.
func TestSameKeyCompilesOnce(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.wrap(`echo x >> $PWD/runs; exec $real "$@"`)
	p.cfg.Jobs = 8
	req := p.batch()
	for i := range 12 {
		u := unitOf("src/main.cpp")
		u.ID, u.Outputs = fmt.Sprintf("app%d:src/main.cpp", i), []string{fmt.Sprintf("build/obj/app%d/main.o", i%6)}
		req.Actions = append(req.Actions, ipc.RunAction{Action: u})
	}
	out, err := p.run(t.Context(), req)
	if err != nil || len(out) != 12 {
		t.Fatalf("%d results, %v", len(out), err)
	}
	compiled := 0
	for id, r := range out {
		switch r.Status {
		case ipc.StatusCompiled:
			compiled++
		case ipc.StatusCached:
		default:
			t.Errorf("%s: %+v", id, r)
		}
	}
	if runs := p.read("runs"); compiled != 1 || runs != "x\n" {
		t.Errorf("%d compiled, %d runs", compiled, len(runs)/2)
	}
	want := p.oracle("src/main.cpp")
	for i := range 6 {
		if p.read(fmt.Sprintf("build/obj/app%d/main.o", i)) != want {
			t.Errorf("object %d differs", i)
		}
	}
}

// One whose leader fails is compiled by the next.
func TestLeadHandsOver(t *testing.T) {
	t.Parallel()
	f := newSingleflight()
	key := cache.HashBytes([]byte("x"))
	leave, err := f.lead(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.lead(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	next := make(chan error, 1)
	go func() {
		leave, err := f.lead(t.Context(), key)
		if err == nil {
			leave()
		}
		next <- err
	}()
	leave()
	if err := <-next; err != nil || len(f.busy) != 0 {
		t.Errorf("%v, %d busy", err, len(f.busy))
	}
}

// A compiler that the kernel kills is run again with nothing beside it.
func TestKilledCompilerRunsAgain(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.depfile = true // a trace shows that the wrapper reads what it has just written
	small(p)
	p.wrap(`[ -e $PWD/killed ] && exec $real "$@"; touch $PWD/killed; kill -9 $$`)
	p.tool.Programs = append(p.tool.Programs, p.tool.CXX) // as if it were the compiler itself
	p.expect("killed once", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	p.sameAsPlain("src/main.cpp")
	p.wrap(`kill -9 $$`)
	p.write("src/main.cpp", "int f() { return 3; }\n")
	r := p.try("src/main.cpp")
	if r.Status != ipc.StatusFailed || r.Exit != 137 || !strings.Contains(r.Reason.Text, "memory") {
		t.Errorf("%+v", r)
	}
}

func move(p *project, from, to string) {
	if err := os.Rename(p.path(from), p.path(to)); err != nil {
		p.t.Error(err)
	}
}

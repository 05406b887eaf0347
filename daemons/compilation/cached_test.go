package compilation

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// flipAll damages every file of a kind in the cache, in the middle.
func (p *project) flipAll(kind string) {
	p.t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(p.cache, kind), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil || n == 0 {
		p.t.Fatalf("%d files of %s: %v", n, kind, err)
	}
}

func TestDamagedCache(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"entries", "blobs", "manifests"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := anyCompiler(t)
			small(p)
			p.build("src/main.cpp")
			p.stop()
			p.flipAll(kind)
			p.remove("build")
			if kind == "manifests" { // without them, the record leads to the entry
				p.expect("by the record", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
				p.sameAsPlain("src/main.cpp")
				p.stop()
				p.remove("build")
				if err := os.Remove(p.state); err != nil {
					t.Fatal(err)
				}
			}
			r := p.build("src/main.cpp")
			want := ipc.ReasonDamaged
			if kind == "manifests" { // nothing leads to the entry any more
				want = ipc.ReasonNew
			}
			if r.Status != ipc.StatusCompiled || r.Reason.Code != want {
				t.Errorf("%s: %+v", r.Status, r.Reason)
			}
			p.sameAsPlain("src/main.cpp")
			p.remove("build")
			p.expect("stored again", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
			p.sameAsPlain("src/main.cpp")
		})
	}
}

func TestMissReasons(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.build("src/main.cpp")
	if _, err := p.s.CacheClear(t.Context(), ipc.CacheClearRequest{}); err != nil {
		t.Fatal(err)
	}
	p.remove("build")
	// The set went with the clear, so the record knows only that the object is gone.
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled || r.Reason.Path == "" {
		t.Errorf("cleared: %+v", r)
	}
	p.args = append(p.args, "-O1")
	if r := p.build("src/main.cpp"); r.Reason.Code != ipc.ReasonFlags || r.Reason.Text != "flags added: -O1" {
		t.Errorf("flags: %+v", r.Reason)
	}
	p.env = append(p.env, "CPATH="+p.path("nowhere"))
	if r := p.build("src/main.cpp"); r.Reason.Code != ipc.ReasonEnvironment || r.Reason.Path != "CPATH" {
		t.Errorf("environment: %+v", r.Reason)
	}
	p.tool.Identity, p.tool.Version = "other", "test 2"
	if r := p.build("src/main.cpp"); r.Reason.Code != ipc.ReasonCompiler || !strings.Contains(r.Reason.Text, "test 2") {
		t.Errorf("compiler: %+v", r.Reason)
	}
	req := p.batch("src/main.cpp")
	req.NoCache = true
	if out, err := p.run(t.Context(), req); err != nil || out["src/main.cpp"].Reason.Code != ipc.ReasonForced {
		t.Errorf("forced: %+v, %v", out, err)
	}
}

func TestExpiredAndEvicted(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.limit.TTL = time.Hour
	p.build("src/main.cpp")
	p.stop()
	p.limit.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	p.remove("build")
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonExpired {
		t.Errorf("expired: %+v", r.Reason)
	}
	p.stop()
	p.limit.TTL, p.limit.Now, p.limit.MaxBytes = 0, nil, 1
	p.start().store.Trim()
	p.remove("build")
	r := p.build("src/main.cpp")
	if r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonEvicted || !strings.Contains(r.Reason.Text, "evicted") {
		t.Errorf("evicted: %+v", r.Reason)
	}
}

// The whole cache may be deleted at any time.
func TestCacheRemovedWhileBuilding(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.start()
	stop := make(chan struct{})
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	var remover sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-pause.C:
				_ = os.RemoveAll(p.cache)
			}
		}
	})
	for range 5 {
		p.remove("build")
		p.build("src/main.cpp")
		p.sameAsPlain("src/main.cpp")
	}
	close(stop)
	remover.Wait()
	p.remove("build")
	p.build("src/main.cpp")
	p.remove("build")
	p.expect("made anew", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
}

func TestDiagnosticsAreReplayed(t *testing.T) {
	t.Parallel()
	eitherCompiler(t, "gcc", func(t *testing.T, p *project) {
		p.args = append(p.args, "-Wall", "-fdiagnostics-color=always")
		p.write("src/main.cpp", "int f() { int unused; return 1; }\n")
		first := p.build("src/main.cpp")
		colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
		if !strings.Contains(colour.ReplaceAllString(first.Diagnostics, ""), "unused variable") || !colour.MatchString(first.Diagnostics) {
			t.Errorf("%q", first.Diagnostics)
		}
		if r := p.build("src/main.cpp"); !r.InPlace || r.Diagnostics != "" {
			t.Errorf("in place: %+v", r)
		}
		p.remove("build")
		if r := p.build("src/main.cpp"); r.Status != ipc.StatusCached || r.Diagnostics != first.Diagnostics {
			t.Errorf("hit: %+v", r)
		}
	})
}

func TestFailuresAreNotStored(t *testing.T) {
	t.Parallel()
	eitherCompiler(t, "clang", func(t *testing.T, p *project) {
		small(p)
		p.build("src/main.cpp")
		p.write("include/value.h", "inline int value() { return no; }\n")
		r := p.try("src/main.cpp")
		if r.Status != ipc.StatusFailed || r.Reason.Code != ipc.ReasonError || r.Exit != 1 || !strings.Contains(r.Diagnostics, "value.h") {
			t.Errorf("failed: %+v", r)
		}
		if strings.Contains(r.Diagnostics, ".rb-") || len(r.Command) == 0 || r.Command[len(r.Command)-1] != unitOf("src/main.cpp").Output() {
			t.Errorf("failed: %q, %q", r.Diagnostics, r.Command)
		}
		if p.track[r.ID].Unsettled == "" || len(p.files[r.ID]) < 2 {
			t.Errorf("discovery gets %+v", p.track[r.ID])
		}
		if r = p.try("src/main.cpp"); r.Status != ipc.StatusFailed {
			t.Errorf("again: %+v", r)
		}
		p.write("include/value.h", "#pragma once\ninline int value() { return 1; }\n")
		p.expect("repaired", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
		p.write("src/main.cpp", "#include \"gone.h\"\n")
		if r = p.try("src/main.cpp"); r.Status != ipc.StatusFailed {
			t.Errorf("missing header: %+v", r)
		}
		p.write("include/gone.h", "")
		if r = p.build("src/main.cpp"); r.Reason.Code != ipc.ReasonPrevious {
			t.Errorf("header made: %+v", r.Reason)
		}
		p.remove("src/main.cpp")
		if r = p.try("src/main.cpp"); r.Status != ipc.StatusFailed || r.Reason.Code != ipc.ReasonError {
			t.Errorf("no source: %+v", r)
		}
	})
}

func TestStateSurvivesRestart(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.build("src/main.cpp")
	p.stop()
	p.expect("restarted", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	if n := p.s.runner.Started(); n != 0 {
		t.Errorf("%d processes", n)
	}
	p.stop()
	p.write("include/value.h", "#pragma once\ninline int value() { return 3; }\n")
	p.expect("changed meanwhile", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
	p.stop()
	for _, damage := range []string{"", "x", "replibuild compilation state 4\n"} {
		if err := os.WriteFile(p.state, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.build("src/main.cpp"); r.Status != ipc.StatusCached {
			t.Errorf("state %q: %+v", damage, r)
		}
		p.stop()
	}
}

// What depends on the clock is never stored, and is in place while its inputs are.
func TestClockIsNotStored(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("src/main.cpp", "const char *f() { return __TIME__; }\n")
	p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	p.remove("build")
	r := p.build("src/main.cpp")
	if r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonUncacheable || !strings.Contains(r.Reason.Text, "__TIME__") {
		t.Errorf("deleted: %+v", r.Reason)
	}
	if st := p.store.Stats(); st.Stored != 0 {
		t.Errorf("%d stored", st.Stored)
	}
}

// A compiler that leaves nothing behind has not done its work, whatever it says.
func TestEmptyObjectIsNotStored(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.depfile = true // a trace shows that the wrapper's shell writes the object
	small(p)
	p.wrap(`for a; do case $a in *.o) out=$a;; esac; done; $real "$@"; : >"$out"`)
	p.tool.Programs = append(p.tool.Programs, p.tool.CXX) // as if it were the compiler itself
	p.build("src/main.cpp")
	if st := p.store.Stats(); st.Stored != 0 {
		t.Errorf("%d stored", st.Stored)
	}
	p.remove("build")
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonUncacheable {
		t.Errorf("deleted: %s because of %s", r.Status, r.Reason.Text)
	}
}

func TestNamedFlagsKeepNames(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-g", "-gsplit-dwarf")
	p.write("src/main.cpp", "int f() { return 1; }\n")
	p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	dwo := strings.TrimSuffix(unitOf("src/main.cpp").Output(), ".o") + ".dwo"
	if p.read(dwo) == "" {
		t.Error("no split debug information")
	}
	p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	p.remove(dwo)
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCached || r.Reason.Path != dwo {
		t.Errorf("dwo deleted: %+v", r.Reason)
	}
	if r := p.build("src/main.cpp"); !r.InPlace {
		t.Errorf("%+v", r)
	}
	if st := p.store.Stats(); st.Stored != 1 {
		t.Errorf("%d stored", st.Stored)
	}
}

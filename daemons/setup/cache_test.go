package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

const cacheProject = `
-- replibuild.toml --
[project]
name = "cached"
[compilation]
sources = ["src/**/*.cpp"]
[dependencies]
modules = ["zlib", "Own"]
-- .replibuild/modules/Own.toml --
[library]
defines = ["OWN=1"]
headers = ["plain.h"]
-- src/main.cpp --
int main() {}
-- src/a.cpp --
`

// TestInvalidation changes each kind of thing that a plan rests on: the next plan
// must be as one made from nothing, from memory and after a restart, and the
// signatures and names in the old plan's track must tell that something changed.
func TestInvalidation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(w *world)
		same   bool // the plan is equal all the same
		quiet  bool // and its track holds
	}{
		{name: "nothing", change: func(*world) {}, same: true, quiet: true},
		{name: "new source", change: func(w *world) { w.write("src/deep/b.cpp", "") }},
		{name: "new header beside sources", change: func(w *world) { w.write("src/b.h", "") }, same: true, quiet: true},
		{name: "source gone", change: func(w *world) { w.remove("src/a.cpp") }},
		{name: "source edited", change: func(w *world) { w.write("src/a.cpp", "int a;\n") }, same: true, quiet: true},
		{name: "include folder appears", change: func(w *world) { w.write("include/x.h", "") }},
		{name: "main moves", change: func(w *world) { w.write("src/main.cpp", "int not_main() {}\n") }},
		{name: "main edited", change: func(w *world) { w.write("src/main.cpp", "int main() { return 1; }\n") }, same: true},
		{name: "configuration", change: func(w *world) {
			w.write("replibuild.toml", "[project]\nname = \"cached\"\n[compilation]\ndebug = false\n")
		}},
		{name: "configuration touched", change: func(w *world) {
			w.write("replibuild.toml", strings.Split(strings.Split(cacheProject, "toml --\n")[1], "-- .repl")[0]+"# end\n")
		}, same: true},
		{name: "pc file", change: func(w *world) {
			unpack(w.t, w.fake, "-- pc/zlib.pc --\nName: zlib\nDescription: x\nVersion: 1.3\nLibs: -lz2\n")
		}},
		{name: "pc file found earlier", change: func(w *world) {
			unpack(w.t, w.fake, "-- pc/zlib-uninstalled.pc --\nName: zlib\nDescription: x\nVersion: 1.3\nLibs: -lz3\n")
		}},
		{name: "module file", change: func(w *world) {
			w.write(".replibuild/modules/Own.toml", "[library]\ndefines = [\"OWN=2\"]\nheaders = [\"plain.h\"]\n")
		}},
		{name: "module file found earlier", change: func(w *world) {
			w.write(".replibuild/modules/zlib.toml", "[library]\nlib_names = [\"plain\"]\n")
		}},
		{name: "module's header", change: func(w *world) { unpack(w.t, w.fake, "-- include/plain.h --\n#define X\n") }, same: true},
		{name: "compiler swapped", change: func(w *world) {
			text, err := os.ReadFile(filepath.Join(w.fake, "bin/clang++"))
			if err != nil {
				w.t.Fatal(err)
			}
			unpack(w.t, w.fake, "-- bin/clang++ --\n"+strings.ReplaceAll(string(text), "99.0", "99.1"))
		}},
		{name: "compiler's header", change: func(w *world) { unpack(w.t, w.fake, "-- lib/clang/99/include/stddef.h --\n#define NULL 0\n") }},
		{name: "new compiler's header", change: func(w *world) { unpack(w.t, w.fake, "-- lib/clang/99/include/new.h --\n") }},
		{name: "linker", change: func(w *world) { unpack(w.t, w.fake, "-- bin/ld.mold --\n#!/bin/sh\n# 2\n") }},
		{name: "linker gone", change: func(w *world) {
			if err := os.Remove(filepath.Join(w.fake, "bin/ld.mold")); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "environment", change: func(w *world) { w.env = withEnv(w.env, "CPATH=/x") }, quiet: true},
		{name: "other session", change: func(w *world) { w.env = withEnv(w.env, "LANG=de_DE.UTF-8", "SHLVL=7") }, same: true, quiet: true},
		{name: "PKG_CONFIG_PATH", change: func(w *world) {
			unpack(w.t, w.fake, "-- pc2/zlib.pc --\nName: zlib\nDescription: x\nVersion: 1.3\nLibs: -lz4\n")
			w.env = append(w.env, "PKG_CONFIG_PATH="+filepath.Join(w.fake, "pc2"))
		}, quiet: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cacheProject)
			state := t.TempDir()
			w.s = w.service(state)
			before := w.plan()
			if !holds(before) {
				t.Fatal("the new plan's track does not hold")
			}
			w.s.Close()
			w.waitTick()
			c.change(w)
			fresh := w.service("")
			warm, restarted := w.s, w.service(state)
			for name, s := range map[string]*Service{"fresh": fresh, "warm": warm, "restarted": restarted} {
				w.s = s
				after := w.plan()
				if (after.ID == before.ID) != c.same {
					t.Errorf("%s: the plan is the same: %v, want %v", name, after.ID == before.ID, c.same)
				}
				if !holds(after) {
					t.Errorf("%s: the track of the new plan does not hold", name)
				}
				if c.name != "environment" && c.name != "other session" && c.name != "PKG_CONFIG_PATH" && holds(before) != c.quiet {
					t.Errorf("the old plan's track holds: %v, want %v", holds(before), c.quiet)
				}
			}
		})
	}
}

// waitTick waits until what was just written can be told from what is written next.
func (w *world) waitTick() {
	now := time.Now().UnixNano()
	probe := filepath.Join(w.fake, "tick")
	for {
		if err := os.WriteFile(probe, nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
		if ipc.StatSignature(probe).Mtime > now+int64(stamps.Tick) {
			return
		}
	}
}

// holds looks at everything that a plan's track names, as discovery does.
func holds(p *ipc.Plan) bool {
	for _, f := range p.Track.Files {
		if ipc.StatSignature(absolute(p.Root, f.Path)) != f.Sig {
			return false
		}
	}
	for _, m := range p.Track.Misses {
		for _, name := range m.Names {
			if ipc.StatSignature(filepath.Join(absolute(p.Root, m.Dir), name)).Exists() {
				return false
			}
		}
	}
	for _, l := range p.Track.Listings {
		names, _ := listNames(absolute(p.Root, l.Dir), l.Match)
		if ipc.ListingDigest(names) != l.Digest {
			return false
		}
	}
	return true
}

func TestKnownPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cacheProject)
	ctx := context.Background()
	first, err := w.s.Plan(ctx, ipc.PlanRequest{Env: w.env})
	if err != nil {
		t.Fatal(problemText(err))
	}
	again, err := w.s.Plan(ctx, ipc.PlanRequest{Env: w.env, Known: first.ID})
	if err != nil || !again.Unchanged || again.Plan != nil || again.ID != first.ID {
		t.Errorf("%+v, %v", again, err)
	}
	// No environment means the last one.
	last, err := w.s.Plan(ctx, ipc.PlanRequest{Known: first.ID})
	if err != nil || !last.Unchanged {
		t.Errorf("%+v, %v", last, err)
	}
	other, err := w.s.Plan(ctx, ipc.PlanRequest{Env: append(slices.Clone(w.env), "CPATH=/x"), Known: first.ID})
	if err != nil || other.Unchanged || !slices.Contains(other.Plan.Env, "CPATH=/x") {
		t.Errorf("%+v, %v", other, err)
	}
}

// TestDamagedState cuts and flips the state file: it must count as none.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cacheProject)
	dir := t.TempDir()
	w.s = w.service(dir)
	want := w.plan().ID
	w.s.Close()
	file := filepath.Join(dir, stateFile)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the state: %v", info.Mode())
	}
	flipped := slices.Clone(good)
	flipped[len(good)-1] ^= 1
	for name, text := range map[string][]byte{"cut": good[:len(good)/2], "empty": nil, "flipped": flipped, "other version": []byte("replibuild setup state 0\n")} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		w.s = w.service(dir)
		if got := w.plan().ID; got != want {
			t.Errorf("%s: another plan", name)
		}
		w.s.Close()
	}
}

func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cacheProject)
	w.s = w.service(t.TempDir())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ctx := context.Background()
			var err error
			switch i % 4 {
			case 0:
				_, err = w.s.Plan(ctx, ipc.PlanRequest{Env: append(slices.Clone(w.env), fmt.Sprintf("TZ=%d", i))})
			case 1:
				_, err = w.s.Validate(ctx, ipc.ValidateRequest{Env: w.env})
			case 2:
				_, err = w.s.Modules(ctx, ipc.ModulesRequest{Env: w.env})
			default:
				_, err = w.s.Toolchain(ctx, ipc.ToolchainRequest{Env: w.env})
			}
			if err != nil {
				t.Error(problemText(err))
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.s.Plan(ctx, ipc.PlanRequest{Env: append(slices.Clone(w.env), "TZ=x")}); err == nil {
		t.Error("a cancelled request was answered")
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(cacheProject, `"Own"`, `"Own", "top"`, 1))
	unpack(t, w.fake, "-- modules/Shared.toml --\n[module]\nversion = \"9\"\n[library]\nlib_names = [\"plain\"]\n")
	r, err := w.s.Modules(context.Background(), ipc.ModulesRequest{Env: w.env})
	if err != nil {
		t.Fatal(problemText(err))
	}
	got := map[string]string{}
	for _, m := range r.Modules {
		got[m.Name] = fmt.Sprintf("%s %s %v %v %v %v", m.Version, m.Source, m.Used, m.By, m.Flags, m.Libs)
	}
	for name, want := range map[string]string{
		"Own":     " .replibuild/modules/Own.toml true [cached] [-DOWN=1] []",
		"zlib":    "1.2.13 pkg-config true [cached] [-I/fake/include] [-L/fake/lib -lz]",
		"top":     "2.0 pkg-config true [cached] [-DTOP=1 -I/fake/include] [-ltop -pthread]",
		"Zlib":    "1.2.13 built-in false [] [-I/fake/include] [-L/fake/lib -lz]",
		"Threads": " built-in false [] [-pthread] [-pthread]",
		"Shared":  "9 " + filepath.ToSlash(w.fake) + "/modules/Shared.toml false [] [] [-lplain]",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if _, ok := got["Boost"]; ok {
		t.Error("Boost is listed and not there")
	}
}

// BenchmarkPlan plans 10,000 units: from memory, and after a new source.
func BenchmarkPlan(b *testing.B) {
	w := newWorld(b, largeProject(10_000))
	w.plan()
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			w.plan()
		}
	})
	b.Run("new", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.write(fmt.Sprintf("d0/new%d.cpp", i), "")
			w.plan()
		}
	})
}

func TestManyUnits(t *testing.T) {
	t.Parallel()
	p := newWorld(t, largeProject(500)).plan()
	if p.CountUnits() != 500 || len(p.Targets) != 10 || len(p.Commands) != 2 { // compile, link or archive
		t.Errorf("%d units, %d targets, %d commands", p.CountUnits(), len(p.Targets), len(p.Commands))
	}
}

func largeProject(units int) string {
	var b, files strings.Builder
	b.WriteString("-- replibuild.toml --\n[compilation]\nexclude_patterns = [\"**/*_test.cpp\"]\n")
	for i := range 10 {
		fmt.Fprintf(&b, "[targets.t%d]\nkind = \"static\"\nsource_dirs = [\"d%d\"]\n", i, i)
		for j := range units / 10 {
			fmt.Fprintf(&files, "-- d%d/s%d/f%d.cpp --\n", i, j%20, j)
		}
	}
	return b.String() + files.String()
}

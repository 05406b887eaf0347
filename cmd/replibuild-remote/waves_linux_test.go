package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/ipc"
)

// waves holds calls back until so many of one kind wait, then lets all of them go. After so many
// waves it holds none.
type waves struct {
	size, most int

	mu      sync.Mutex
	waiting map[string]chan struct{} // by call, closed when the wave is complete
	count   map[string]int           // of those that wait
	done    []string                 // the waves that were complete
}

func (w *waves) hold(ctx context.Context, call string) error {
	w.mu.Lock()
	if len(w.done) == w.most {
		w.mu.Unlock()
		return nil
	}
	if w.waiting[call] == nil {
		w.waiting[call] = make(chan struct{})
	}
	complete := w.waiting[call]
	if w.count[call]++; w.count[call] == w.size {
		close(complete)
		w.waiting[call], w.count[call] = nil, 0
		w.done = append(w.done, call)
	}
	w.mu.Unlock()
	select {
	case <-complete:
	case <-ctx.Done():
	}
	return nil
}

// The look-ups of all units are under way at the same time, though one compiler may run at a time: a
// server that answers none before it has been asked for all is asked in three waves.
func TestLookupsOfAllUnitsAtOnce(t *testing.T) {
	t.Parallel()
	const units = 24
	w := &waves{size: units, most: 3, waiting: map[string]chan struct{}{}, count: map[string]int{}}
	var held sync.Map // kinds of calls that are held back
	s := remotefake.Start(t, remotefake.Options{Before: func(ctx context.Context, call string) error {
		if _, is := held.Load(call); is {
			return w.hold(ctx, call)
		}
		return nil
	}})
	files := with(s.GRPC)
	for i := range units - 2 { // two are there
		files[fmt.Sprintf("src/unit%d.c", i)] = fmt.Sprintf("int unit%d(void) { return %d; }\n", i, i)
	}
	uploader(t, s.GRPC, files)
	dev := reader(t, s.GRPC, files)
	held.Store("GetActionResult", true)
	held.Store("BatchReadBlobs", true)
	b := dev.compile("-j1")
	if b.exit != 0 || b.tiers["src/unit7.c"] != ipc.TierRemote {
		t.Errorf("exit %d, unit 7 came from %q; notices %q", b.exit, b.tiers["src/unit7.c"], b.notices)
	}
	if want := []string{"GetActionResult", "GetActionResult", "BatchReadBlobs"}; !slices.Equal(w.done, want) {
		t.Errorf("waves %q, want %q", w.done, want)
	}
}

// Compiles begin in free slots while a server does not answer, and keep what they make. The others
// take the results that come later. This server answers when the first compile has begun.
func TestCompilesBeginWhileServerIsSlow(t *testing.T) {
	t.Parallel()
	for by, built := range map[string]string{"toml": "build/obj/app/src", "cmake": "build/CMakeFiles/app.dir/src"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("cmake"); err != nil && by == "cmake" {
				t.Skip("cmake is not installed")
			}
			compilesBegin(t, by == "cmake", built)
		})
	}
}

func compilesBegin(t *testing.T, cmake bool, built string) {
	const units = 24
	var objects atomic.Pointer[string]
	s := remotefake.Start(t, remotefake.Options{Before: func(ctx context.Context, call string) error {
		for name := objects.Load(); name != nil && call == "GetActionResult" && ctx.Err() == nil; time.Sleep(time.Millisecond) {
			if made, err := filepath.Glob(*name); err == nil && len(made) > 0 {
				break
			}
		}
		return nil
	}})
	files := with(s.GRPC)
	if cmake {
		files["CMakeLists.txt"] = "cmake_minimum_required(VERSION 3.13)\nproject(app C CXX)\nfile(GLOB all src/*.c src/*.cpp)\nadd_executable(app ${all})\ntarget_include_directories(app PRIVATE include)\n"
		files["replibuild.toml"] = fmt.Sprintf("[build]\nsystem = \"cmake\"\n[remote]\ncache = %q\ntimeout = 30000\n", s.GRPC)
	}
	for i := range units {
		files[fmt.Sprintf("src/unit%d.c", i)] = fmt.Sprintf("int unit%d(void) { return %d; }\n", i, i)
	}
	uploader(t, s.GRPC, files)
	files["replibuild.toml"] = strings.Replace(files["replibuild.toml"], "timeout = 30000", "timeout = 3000", 1)
	dev := reader(t, s.GRPC, files)
	objects.Store(new(filepath.Join(dev.root, built, "*")))
	b := dev.compile("-j2")
	here := 0
	for name, tier := range b.tiers {
		if strings.Contains(name, "src/") && tier == "" {
			here++
		}
	}
	if b.exit != 0 || len(b.notices) > 0 || here == 0 || here > units/2 {
		t.Errorf("exit %d, %d of %v were made here; notices %q", b.exit, here, b.tiers, b.notices)
	}
	dev.prints("some from the server", "1\n")
}

// A link of objects that the server lacked is not asked for: whoever stores objects stores what is
// made of them. An edit costs one look-up.
func TestLinkOfWhatWasMadeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	dev := reader(t, s.GRPC, with(s.GRPC))
	for _, c := range []struct {
		what, edit string
		lookups    int
	}{
		{"the first build", sources()["src/f.cpp"], 2},
		{"an edit", "int f() { return 7; }\n", 1},
	} {
		dev.save("src/f.cpp", c.edit)
		before := s.Calls("GetActionResult")
		if b := dev.compile(); b.exit != 0 || b.statuses["app"] != ipc.StatusCompiled {
			t.Fatalf("%s: exit %d, the link is %s", c.what, b.exit, b.statuses["app"])
		}
		if n := s.Calls("GetActionResult") - before; n != c.lookups {
			t.Errorf("%s: %d look-ups, want %d", c.what, n, c.lookups)
		}
	}
}

package orchestrator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/ipc"
)

func TestNothingToDoAfterARestart(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), t.TempDir()
	keep := func(c *Config) { c.StateDir = dir + "/state" }
	s := w.service(t, keep)
	build1(t, s, ipc.BuildRequest{Env: []string{"CC=clang"}})
	s.Close()
	w.compilation.taken()
	plans := w.setup.plans

	s = w.service(t, keep)
	o := build1(t, s, ipc.BuildRequest{}) // also the environment is remembered
	equal(t, "counts", o.Counts, ipc.Counts{Cached: 3})
	equal(t, "setup asked", w.setup.plans, plans)
	equal(t, "project", bodies[ipc.BuildStarted](o)[0].Project, "demo")

	w.write("src/util.cpp", "new")
	o = built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"app:src/util.cpp", "link:app"})
	equal(t, "seen before", bodies[ipc.UnitFinished](o)[0].Seen, true)
	equal(t, "asked for", len(w.compilation.batches[len(w.compilation.batches)-1].Actions), 1)
}

// A unit that failed before a restart must not be taken for recorded after it.
func TestFailureSurvivesARestart(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), t.TempDir()
	keep := func(c *Config) { c.StateDir = dir }
	w.compilation.fails["app:src/util.cpp"] = true
	s := w.service(t, keep)
	build1(t, s, ipc.BuildRequest{})
	s.Close()
	clear(w.compilation.fails)
	built(t, w.service(t, keep))
	equal(t, "app", w.output("build/app"), w.want("app"))
}

func TestAnotherEnvironmentAsksSetup(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	build1(t, s, ipc.BuildRequest{Env: []string{"CC=a"}})
	for _, value := range []string{"b", "b", "a"} {
		w.compilation.taken()
		plans := w.setup.plans
		o := build1(t, s, ipc.BuildRequest{Env: []string{"CC=" + value}})
		equal(t, "counts", o.Counts, ipc.Counts{Cached: 3})
		equal(t, "made", w.compilation.taken(), []string(nil))
		if value == "a" {
			equal(t, "setup asked", w.setup.plans, plans+1)
		}
	}
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"schema":99}`, "null", `{"schema":1,"good":null}`} {
		w, dir := newWorld(), t.TempDir()
		keep := func(c *Config) { c.StateDir = dir }
		s := w.service(t, keep)
		built(t, s)
		s.Close()
		for _, name := range []string{"orchestrator.json", "costs.jsonl", "history.jsonl"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
			os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		}
		w.write("src/util.cpp", "new")
		built(t, w.service(t, keep))
		equal(t, "app", w.output("build/app"), w.want("app"))
	}
}

func TestStateFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld()
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	s := w.service(t, func(c *Config) { c.StateDir = file + "/state" })
	built(t, s)
	equal(t, "counts", built(t, s).Counts, ipc.Counts{Cached: 3})
}

func TestBuildLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "build.lock")
	held, err := lockBuild(t.Context(), path, func() { t.Error("waits though the lock is free") })
	if err != nil || !held.held() {
		t.Fatal(err)
	}
	w := newWorld()
	s := w.service(t, func(c *Config) { c.BuildLock = path })
	told := make(chan ipc.Notice, 8)
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.BuildReply, o.err = s.Build(context.Background(), ipc.BuildRequest{}, func(e ipc.Event) {
			if n, ok := e.Body.(ipc.Notice); ok {
				told <- n
			}
		})
		done <- o
	}()
	equal(t, "told", (<-told).Message, "another process builds this project; waiting for it")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockBuild(ctx, path, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
	if len(w.compilation.taken()) > 0 {
		t.Error("it built without the lock")
	}
	held.release()
	if o := <-done; !o.Success {
		t.Errorf("%+v", o)
	}
	again, err := lockBuild(t.Context(), path, func() {}) // the build may write down still
	if err != nil || !again.held() {
		t.Fatal(err)
	}
	again.release()
}

// A holder that was stopped in mid-build is not waited for, and what it remembers is
// left alone.
func TestBuildLockOfAStoppedHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "build.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil || filelock.Exclusive(f) != nil { // and no stamp ever
		t.Fatal(err)
	}
	defer f.Close()
	w := newWorld()
	s := w.service(t, func(c *Config) { c.BuildLock, c.StateDir = path, dir })
	began := time.Now()
	o := built(t, s)
	equal(t, "notices", len(notices(o)), 2)
	equal(t, "app", w.output("build/app"), w.want("app"))
	waitIdle(s)
	if _, err := os.Stat(filepath.Join(dir, "orchestrator.json")); err == nil {
		t.Error("it wrote the state of the other process")
	}
	if time.Since(began) < lockStale {
		t.Error("it did not wait for a sign of life")
	}
}

func TestScheduleFollowsTheCriticalPath(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	w.plan.Root = dir
	os.Mkdir(dir+"/src", 0o777)
	os.WriteFile(dir+"/src/util.cpp", make([]byte, 100), 0o600)
	os.WriteFile(dir+"/src/main.cpp", make([]byte, 10), 0o600)
	order := func(cost map[string]unitCost) (ids []string, expected float64) {
		units, g := plannedUnits(t, w)
		s := newSchedule(g, cost)
		s.order(units)
		for _, u := range units {
			ids = append(ids, u.Source)
		}
		return ids, s.expected(units, 2)
	}
	ids, expected := order(nil)
	equal(t, "unknown: by size", ids, []string{"src/util.cpp", "src/main.cpp", "src/math.cpp"})
	equal(t, "unknown", expected, 0)
	ids, expected = order(map[string]unitCost{
		"math:src/math.cpp": {Seconds: 1}, "link:math": {Seconds: 3}, "link:app": {Seconds: 1},
		"app:src/main.cpp": {Seconds: 3}, "app:src/util.cpp": {Seconds: 2},
	})
	equal(t, "the library's link waits for math", ids, []string{"src/math.cpp", "src/main.cpp", "src/util.cpp"})
	equal(t, "expected", expected, 5)

	units, g := plannedUnits(t, w)
	newSchedule(g, map[string]unitCost{
		"math:src/math.cpp": {Seconds: 1, Peak: 100}, "app:src/util.cpp": {Seconds: 1, Peak: 300}, "link:app": {Seconds: 1, Peak: 900},
	}).order(units)
	peaks := map[string]int64{}
	for _, u := range units {
		peaks[u.ID] = u.ExpectedPeak
	}
	equal(t, "memory: its own, else the median", peaks, map[string]int64{"math:src/math.cpp": 100, "app:src/main.cpp": 300, "app:src/util.cpp": 300})
}

// plannedUnits are the units of a world's plan, with its graph.
func plannedUnits(t *testing.T, w *world) (units []planned, g *actionGraph) {
	t.Helper()
	g, err := newActionGraph(&w.plan)
	if err != nil {
		t.Fatal(err)
	}
	for u := range w.plan.Units() {
		units = append(units, planned{RunAction: ipc.RunAction{Action: *u}, at: g.at[u.ID]})
	}
	return units, g
}

func TestExpectedTimeAndSlots(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.compilation.seconds = map[string]float64{"app:src/main.cpp": 2, "app:src/util.cpp": 2, "math:src/math.cpp": 4, "link:app": 1}
	s := w.service(t)
	built(t, s)
	w.newPlan(func(p *ipc.Plan) { p.Commands[0].Args = []string{"-O0"} })
	o := build1(t, s, ipc.BuildRequest{Jobs: 1})
	equal(t, "one slot", bodies[ipc.BuildPlanned](o)[0].Expected, 9)
	batch := w.compilation.batches[len(w.compilation.batches)-1]
	equal(t, "longest first", []string{batch.Actions[0].ID, batch.Actions[2].ID}, []string{"math:src/math.cpp", "app:src/util.cpp"})
	equal(t, "jobs", batch.Jobs, 1)
	equal(t, "expected of a unit", bodies[ipc.UnitStarted](o)[0].Expected, 4)
}

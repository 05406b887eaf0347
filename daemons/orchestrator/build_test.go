package orchestrator

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/RepliBuild/replibuild/ipc"
)

var everything = []string{"app:src/main.cpp", "app:src/util.cpp", "link:app", "link:math", "math:src/math.cpp"}

func TestFirstBuildMakesEverything(t *testing.T) {
	t.Parallel()
	w := newWorld()
	o := built(t, w.service(t))
	equal(t, "made", w.compilation.taken(), everything)
	equal(t, "counts", o.Counts, ipc.Counts{Compiled: 3})
	equal(t, "app", w.output("build/app"), w.want("app"))
	planned := bodies[ipc.BuildPlanned](o)
	equal(t, "planned", planned, []ipc.BuildPlanned{{Units: 3, Targets: 2, Dirty: 3, Nodes: []string{"math:src/math.cpp", "app:src/main.cpp", "app:src/util.cpp"}}})
	for _, u := range bodies[ipc.UnitFinished](o) {
		equal(t, "reason of "+u.File, u.Reason, ipc.Reason{Code: ipc.ReasonNew, Text: "never compiled before"})
	}
	finished := bodies[ipc.BuildFinished](o)
	if len(finished) != 1 || !finished[0].OK || finished[0].Links != 2 || o.events[len(o.events)-1].Name != "build_finished" {
		t.Errorf("the end: %+v", finished)
	}
}

func TestNothingToDoAsksOnlyDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	syncs, plans, batches, records := w.discovery.syncs, w.setup.plans, len(w.compilation.batches), w.discovery.records
	o := built(t, s)
	equal(t, "counts", o.Counts, ipc.Counts{Cached: 3})
	equal(t, "cached", bodies[ipc.UnitsCached](o),
		[]ipc.UnitsCached{{Count: 3, Files: []string{"src/math.cpp", "src/main.cpp", "src/util.cpp"}}})
	equal(t, "calls", []int{w.discovery.syncs, w.setup.plans, len(w.compilation.batches), w.discovery.records},
		[]int{syncs + 1, plans, batches, records})
	equal(t, "events", len(o.events), 3)
}

func TestEditsMakeWhatTheyMust(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		edit   func(*world)
		made   []string
		reason string // of the first unit
	}{
		{"source", func(w *world) { w.write("src/util.cpp", "new") }, []string{"app:src/util.cpp", "link:app"}, "src/util.cpp changed"},
		{"header", func(w *world) { w.write("include/math.h", "new") }, []string{"app:src/main.cpp", "link:app", "link:math", "math:src/math.cpp"}, "include/math.h changed"},
		{"header touched", func(w *world) { w.touch("include/math.h") }, nil, ""},
		{"comment", func(w *world) { w.write("src/util.cpp", "first src/util.cpp// why") }, []string{"app:src/util.cpp"}, "src/util.cpp changed"},
		{"object gone", func(w *world) { w.remove("build/obj/app/src/util.cpp.o") }, []string{"app:src/util.cpp"}, "object missing or changed"},
		{"program gone", func(w *world) { w.remove("build/app") }, []string{"link:app"}, ""},
		{"header gone", func(w *world) { w.remove("include/util.h") }, []string{"app:src/util.cpp", "link:app"}, "include/util.h was removed"},
		{"flags", func(w *world) { w.newPlan(func(p *ipc.Plan) { p.Commands[0].Args = []string{"-O3"} }) }, everything, ""},
		{"plan, to the same effect", func(w *world) { w.newPlan(func(*ipc.Plan) {}) }, nil, ""},
		{"unit removed", func(w *world) { w.newPlan(func(p *ipc.Plan) { removeUnit(p, "app:src/util.cpp") }) }, []string{"link:app"}, ""},
		{"records lost", func(w *world) { w.discovery.token += 10; clear(w.discovery.nodes) }, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			s := w.service(t)
			built(t, s)
			w.compilation.taken()
			c.edit(w)
			o := built(t, s)
			equal(t, "made", w.compilation.taken(), c.made)
			equal(t, "app", w.output("build/app"), w.want("app"))
			if units := bodies[ipc.UnitFinished](o); c.reason != "" && (len(units) == 0 || units[0].Reason.Text != c.reason) {
				t.Errorf("reason: %+v, want %s", units, c.reason)
			}
			plans := w.setup.plans
			built(t, s)
			equal(t, "made again", w.compilation.taken(), []string(nil))
			equal(t, "setup asked again", w.setup.plans, plans)
		})
	}
}

func TestObjectUnchangedAsksNoLinkerToRun(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	w.write("src/util.cpp", "first src/util.cpp// a comment")
	o := built(t, s)
	if n := len(bodies[ipc.LinkFinished](o)) + len(bodies[ipc.LinkStarted](o)); n != 0 {
		t.Errorf("%d link events", n)
	}
	equal(t, "links", bodies[ipc.BuildFinished](o)[0].Links, 0)
}

func TestFilesCompileOnlyThese(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	o := build1(t, s, ipc.BuildRequest{Files: []string{"./src/util.cpp", s.cfg.Root + "/src/math.cpp"}})
	equal(t, "made", w.compilation.taken(), []string{"app:src/util.cpp", "math:src/math.cpp"})
	equal(t, "counts", o.Counts, ipc.Counts{Compiled: 2})
	equal(t, "targets", bodies[ipc.BuildPlanned](o)[0].Targets, 0)
	o = build1(t, s, ipc.BuildRequest{Files: []string{"src/nope.cpp"}})
	equal(t, "code", ipc.CodeOf(o.err), ipc.CodeUnknownFile)
	equal(t, "events of a typing mistake", len(o.events), 0)
	built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"app:src/main.cpp", "link:app", "link:math"})
}

func TestTargetsWithWhatTheyNeed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	build1(t, s, ipc.BuildRequest{Targets: []string{"math"}})
	equal(t, "made", w.compilation.taken(), []string{"link:math", "math:src/math.cpp"})
	build1(t, s, ipc.BuildRequest{Targets: []string{"app"}})
	equal(t, "made", w.compilation.taken(), []string{"app:src/main.cpp", "app:src/util.cpp", "link:app"})
	o := build1(t, s, ipc.BuildRequest{Targets: []string{"nope"}})
	equal(t, "code", ipc.CodeOf(o.err), ipc.CodeUnknownFile)
}

func TestFailureStopsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.compilation.fails["math:src/math.cpp"] = true
	s := w.service(t)
	for range 2 { // a failed unit is tried again
		o := build1(t, s, ipc.BuildRequest{})
		if o.err != nil || o.Success || o.Failed != 1 || o.Detail != "src/math.cpp failed" {
			t.Fatalf("%+v, %v", o.BuildReply, o.err)
		}
		for _, l := range bodies[ipc.LinkFinished](o) {
			want := map[string]string{"math": "src/math.cpp failed", "app": "src/math.cpp failed"}[l.Target]
			equal(t, "link of "+l.Target, []string{l.Status, l.Reason.Code, l.Reason.Text}, []string{ipc.StatusSkipped, ipc.ReasonDependency, want})
		}
	}
	equal(t, "made", w.compilation.taken(), []string{"app:src/main.cpp", "app:src/util.cpp", "math:src/math.cpp", "math:src/math.cpp"})
	delete(w.compilation.fails, "math:src/math.cpp")
	built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"link:app", "link:math", "math:src/math.cpp"})
	equal(t, "app", w.output("build/app"), w.want("app"))
}

// A unit that failed with inputs that discovery takes for clean must be tried again.
func TestForcedFailureIsNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	w.compilation.fails["app:src/util.cpp"] = true
	if o := build1(t, s, ipc.BuildRequest{NoCache: true}); o.Success {
		t.Fatal("it succeeded")
	}
	if o := build1(t, s, ipc.BuildRequest{NoCache: true}); o.Success {
		t.Fatal("it succeeded")
	}
	delete(w.compilation.fails, "app:src/util.cpp")
	w.compilation.taken()
	o := built(t, s)
	if len(bodies[ipc.BuildPlanned](o)) != 1 {
		t.Error("the last failure was forgotten")
	}
}

func TestConfigurationErrorEndsTheBuild(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.planErr = ipc.Errorf(ipc.CodeConfig, "replibuild.toml:3:1: unknown key")
	s := w.service(t)
	o := build1(t, s, ipc.BuildRequest{})
	equal(t, "code", ipc.CodeOf(o.err), ipc.CodeConfig)
	finished := bodies[ipc.BuildFinished](o)
	if len(finished) != 1 || finished[0].OK || finished[0].Total() != 0 {
		t.Errorf("%+v", finished)
	}
	w.planErr = nil
	built(t, s)
}

// steps gives the world two steps, the second one made from the first, and main.cpp
// reads the second.
func withSteps(w *world) {
	addStep(&w.plan, ipc.Action{ID: "step:build/gen/a.txt", Args: []string{"gen"}, Inputs: []string{"api.json"}, Outputs: []string{"build/gen/a.txt"}})
	addStep(&w.plan, ipc.Action{ID: "step:build/gen/b.h", Args: []string{"gen"}, Inputs: []string{"build/gen/a.txt"}, Outputs: []string{"build/gen/b.h"}})
	w.write("api.json", "one")
	w.includes["src/main.cpp"] = append(w.includes["src/main.cpp"], "build/gen/b.h")
}

func TestStepsInOrderWithCutoff(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	s := w.service(t)
	built(t, s)
	equal(t, "first", w.compilation.order[:2], []string{"step:build/gen/a.txt", "step:build/gen/b.h"})
	equal(t, "app", w.output("build/app"), w.want("app"))
	w.compilation.taken()

	w.write("api.json", "two")
	o := built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"app:src/main.cpp", "link:app", "step:build/gen/a.txt", "step:build/gen/b.h"})
	equal(t, "app", w.output("build/app"), w.want("app"))
	equal(t, "second step", bodies[ipc.StepFinished](o)[1].Reason.Text, "build/gen/a.txt changed")

	w.write("api.json", "two// same output")
	built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"step:build/gen/a.txt"})
	built(t, s)
	equal(t, "made", w.compilation.taken(), []string(nil))
}

func TestFailedStepSkipsItsReadersOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	s := w.service(t)
	w.compilation.fails["step:build/gen/a.txt"] = true
	o := build1(t, s, ipc.BuildRequest{}) // it is not known who reads it
	equal(t, "counts", o.Counts, ipc.Counts{Skipped: 3})
	equal(t, "steps", []string{bodies[ipc.StepFinished](o)[0].Status, bodies[ipc.StepFinished](o)[1].Status}, []string{"failed", "skipped"})
	equal(t, "detail", o.Detail, "build/gen/a.txt failed")

	delete(w.compilation.fails, "step:build/gen/a.txt")
	built(t, s)
	w.compilation.taken()
	w.compilation.fails["step:build/gen/a.txt"] = true
	w.write("api.json", "three")
	w.write("src/util.cpp", "new")
	w.write("include/math.h", "new")
	o = build1(t, s, ipc.BuildRequest{})
	equal(t, "made", w.compilation.taken(), []string{"app:src/util.cpp", "link:math", "math:src/math.cpp", "step:build/gen/a.txt"})
	equal(t, "counts", o.Counts, ipc.Counts{Compiled: 2, Skipped: 1})
	delete(w.compilation.fails, "step:build/gen/a.txt")
	built(t, s)
	equal(t, "app", w.output("build/app"), w.want("app"))
}

func TestLinksStartWhenTheirObjectsAreReady(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.compilation.parallel = 1
	w.compilation.seconds = map[string]float64{"math:src/math.cpp": 9}
	linked := make(chan struct{})
	w.compilation.during = func(_ context.Context, id string) {
		switch id {
		case "link:math":
			close(linked)
		case "app:src/util.cpp":
			<-linked // it would wait for ever if links waited for all units
		}
	}
	s := w.service(t)
	s.history.costs.nodes["math:src/math.cpp"] = unitCost{Seconds: 9}
	s.history.costs.nodes["app:src/main.cpp"] = unitCost{Seconds: 5}
	s.history.costs.nodes["app:src/util.cpp"] = unitCost{Seconds: 1}
	built(t, s)
}

func TestManyLinksAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 40 {
		name := "t" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		w.addTarget(ipc.Target{Name: name, Kind: ipc.KindStatic, Output: "build/" + name})
		w.addUnit(name, "src/"+name+".cpp")
	}
	// All units are done before the first link is.
	var units sync.WaitGroup
	units.Add(w.plan.CountUnits())
	w.compilation.during = func(_ context.Context, id string) {
		if _, isLink := linkedTarget(id); isLink {
			units.Wait()
			runtime.Gosched()
		} else {
			units.Done()
		}
	}
	s := w.service(t, func(c *Config) { c.Jobs = 3 })
	built(t, s)
	if w.compilation.most > 3+1 { // one unit compiles beside
		t.Errorf("%d at a time", w.compilation.most)
	}
}

func TestCompileCommands(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	path := filepath.Join(s.cfg.Root, "build/compile_commands.json")
	var entries []compileCommand
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &entries) != nil || len(entries) != 3 {
		t.Fatalf("%v: %s", err, text)
	}
	equal(t, "entry", entries[0], compileCommand{
		Directory: s.cfg.Root, File: "src/math.cpp", Output: "build/obj/math/src/math.cpp.o",
		Arguments: strings.Fields("/cxx -O2 -c src/math.cpp -o build/obj/math/src/math.cpp.o"),
	})
	before, _ := os.Stat(path)
	w.newPlan(func(*ipc.Plan) {})
	built(t, s)
	if after, _ := os.Stat(path); !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
		t.Error("written again with equal bytes")
	}
	w.newPlan(func(p *ipc.Plan) { p.Commands[0].Args = []string{"-O1"} })
	built(t, s)
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), `"-O1"`) {
		t.Errorf("not written: %s", text)
	}
	os.Remove(path)
	built(t, s)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestHistoryHasAReasonForEveryUnit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	w.write("include/math.h", "new")
	o := built(t, s)
	reply, err := s.History(t.Context(), ipc.HistoryRequest{Build: o.Build})
	if err != nil || len(reply.Builds) != 1 {
		t.Fatal(reply, err)
	}
	var got []string
	for _, u := range reply.Builds[0].Units {
		text := u.Reason.Text
		if u.ID == "link:app" && text == "build/libmath.a changed" {
			text = "build/obj/app/src/main.cpp.o changed" // both did; the first to be known is told
		}
		got = append(got, u.ID+" "+u.Status+": "+text)
	}
	slices.Sort(got)
	equal(t, "units", got, []string{
		"app:src/main.cpp compiled: include/math.h changed",
		"link:app compiled: build/obj/app/src/main.cpp.o changed",
		"link:math compiled: build/obj/math/src/math.cpp.o changed",
		"math:src/math.cpp compiled: include/math.h changed",
	})
	_, err = s.History(t.Context(), ipc.HistoryRequest{Build: "nope"})
	equal(t, "code", ipc.CodeOf(err), ipc.CodeNotFound)
}

func TestPlanThatDoesNotHoldTogether(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ipc.Plan){
		"command":    func(p *ipc.Plan) { p.Actions[1].Command = 7 },
		"toolchain":  func(p *ipc.Plan) { p.Commands[0].Toolchain = -1 },
		"compiler":   func(p *ipc.Plan) { p.Toolchains = nil },
		"no output":  func(p *ipc.Plan) { addStep(p, ipc.Action{ID: "step:x", Args: []string{"x"}}) },
		"no program": func(p *ipc.Plan) { addStep(p, ipc.Action{ID: "step:x", Outputs: []string{"x"}}) },
		"one output": func(p *ipc.Plan) { p.Actions[1].Outputs = p.Actions[0].Outputs },
		"one ID":     func(p *ipc.Plan) { p.Actions[1].ID = p.Actions[0].ID },
		"kind":       func(p *ipc.Plan) { p.Actions[0].Kind = "unknown" },
		"order":      func(p *ipc.Plan) { p.Actions[0].After = []string{"link:app"} },
		"no link":    func(p *ipc.Plan) { p.Targets[0].Name = "other" },
	} {
		w := newWorld()
		s := w.service(t)
		spoil(&w.plan)
		equal(t, name, ipc.CodeOf(build1(t, s, ipc.BuildRequest{}).err), ipc.CodeInternal)
	}
}

func TestJoinedBuildForgetsSourcesThatAreGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		w.compilation.fails["app:src/util.cpp"] = true
		release := w.held()
		a := call(s, ipc.BuildRequest{})
		synctest.Wait()
		w.newPlan(func(p *ipc.Plan) { removeUnit(p, "app:src/util.cpp") })
		b := call(s, ipc.BuildRequest{})
		synctest.Wait()
		release()
		for _, o := range []outcome{a.wait(), b.wait()} {
			if !o.Success || o.Total() != 2 {
				t.Errorf("%+v %v", o.BuildReply, o.err)
			}
		}
		equal(t, "app", w.output("build/app"), w.want("app"))
	})
}

// What compilation cannot be asked for ends the build with its words.
func TestStepThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	w.compilation.breakAt, w.compilation.breakErr = "step:build/gen/b.h", ipc.Errorf(ipc.CodeInternal, "no idea")
	o := build1(t, w.service(t), ipc.BuildRequest{})
	if o.err == nil || o.Success || o.Detail != "no idea" || o.Skipped != 3 {
		t.Errorf("%+v %v", o.BuildReply, o.err)
	}
}

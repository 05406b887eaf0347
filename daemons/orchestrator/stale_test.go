package orchestrator

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
)

// journey is a project that goes through random changes and accidents; after every
// build that succeeds each output must be what the files say.
type journey struct {
	t   *testing.T
	r   *rapid.T
	w   *world
	dir string
	s   *Service
	n   int
}

var journeySources = []string{"src/main.cpp", "src/util.cpp", "src/math.cpp", "include/math.h", "include/util.h", "api.json"}

func (j *journey) file() string { return rapid.SampledFrom(journeySources).Draw(j.r, "file") }

func (j *journey) unit() string {
	return rapid.SampledFrom([]string{"app:src/main.cpp", "app:src/util.cpp", "math:src/math.cpp", "link:app", "link:math", "step:build/gen/a.txt", "step:build/gen/b.h"}).Draw(j.r, "node")
}

func (j *journey) open() {
	if j.s != nil {
		j.s.Close()
	}
	j.w.plan.Root = j.dir
	cfg := j.w.config()
	cfg.Root, cfg.StateDir = j.dir, j.dir+"/state"
	j.w.remotes(&cfg)
	s, err := New(cfg)
	if err != nil {
		j.t.Fatal(err)
	}
	j.s = s
}

// steps are what may happen between two builds or in the next one.
func (j *journey) steps() map[string]func() {
	w := j.w
	return map[string]func(){
		"edit":    func() { w.write(j.file(), fmt.Sprint("text ", j.n)) },
		"comment": func() { f := j.file(); w.write(f, w.output(f)+fmt.Sprint("// ", j.n)) },
		"touch":   func() { w.touch(j.file()) },
		"revert":  func() { w.write(j.file(), "text 0") },
		"lose": func() {
			w.remove(rapid.SampledFrom([]string{"build/app", "build/libmath.a", "build/obj/app/src/util.cpp.o"}).Draw(j.r, "lost"))
		},
		"spoil": func() {
			w.write(rapid.SampledFrom([]string{"build/app", "build/libmath.a"}).Draw(j.r, "spoilt"), "spoilt")
		},
		"flags": func() {
			w.newPlan(func(p *ipc.Plan) { p.Commands[0].Args = []string{fmt.Sprint("-O", j.n%3)} })
		},
		"replan":  func() { w.newPlan(func(*ipc.Plan) {}) },
		"restart": j.open,
		"crash": func() { // what the last build learned is not written down
			waitIdle(j.s)
			j.s.history.file.path, j.s.lastBuild.path = "", ""
			j.open()
		},
		"discovery forgets": func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			clear(w.discovery.nodes)
			w.discovery.token += 100
		},
		"fails":  func() { w.compilation.fails[j.unit()] = true },
		"mended": func() { clear(w.compilation.fails) },
		"discovery dies": func() {
			at := j.unit()
			w.compilation.during = func(_ context.Context, id string) {
				if id == at {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.discovery.down = errGone
				}
			}
		},
		"compilation dies": func() { w.compilation.breakAt, w.compilation.breakErr = j.unit(), errGone },
		"compilation dies before a record": func() {
			w.compilation.unrecorded, w.compilation.breakErr = j.unit(), errGone
		},
		"edit in mid-build": func() {
			at, file := j.unit(), j.file()
			w.compilation.during = func(_ context.Context, id string) {
				if id == at {
					w.write(file, fmt.Sprint("meanwhile ", j.n))
				}
			}
		},
		"build":  func() { j.build(ipc.BuildRequest{}) },
		"build ": func() { j.build(ipc.BuildRequest{}) },
		"force":  func() { j.build(ipc.BuildRequest{NoCache: true}) },
		"one":    func() { j.build(ipc.BuildRequest{Files: []string{"src/util.cpp"}}) },
		"math":   func() { j.build(ipc.BuildRequest{Targets: []string{"math"}}) },
		"cancel": func() {
			ctx, cancel := context.WithCancel(context.Background())
			at := j.unit()
			j.w.compilation.during = func(_ context.Context, id string) {
				if id == at {
					cancel()
				}
			}
			j.s.Build(ctx, ipc.BuildRequest{}, func(ipc.Event) {})
			cancel()
			j.calm()
		},
	}
}

// calm ends the accidents.
func (j *journey) calm() {
	w := j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compilation.during, w.compilation.breakAt, w.compilation.unrecorded, w.discovery.down = nil, "", "", nil
}

func (j *journey) build(req ipc.BuildRequest) {
	quiet := j.w.compilation.during == nil
	o := build1(j.t, j.s, req)
	if o.err != nil {
		j.r.Fatalf("%+v: %v", req, o.err)
	}
	if !o.Success && len(j.w.compilation.fails) == 0 {
		j.r.Fatalf("%+v failed: %+v", req, o)
	}
	if o.Success && quiet && len(req.Files) == 0 {
		j.check("math")
		if len(req.Targets) == 0 {
			j.check("app")
		}
	}
	if c := o.Counts; c.Total() != map[bool]int{true: 3, false: 1}[len(req.Files)+len(req.Targets) == 0] {
		j.r.Fatalf("%+v: counts %+v", req, c)
	}
	j.calm()
}

func (j *journey) check(target string) {
	if got, want := j.w.output(j.w.plan.Target(target).Output), j.w.want(target); got != want {
		j.r.Fatalf("%s is stale:\n got %s\nwant %s", target, got, want)
	}
}

func TestNeverStale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld()
		withSteps(w)
		w.compilation.parallel = 2
		j := &journey{t: t, r: r, w: w, dir: t.TempDir()}
		j.open()
		defer func() { j.s.Close() }()
		r.Repeat(actions(j))
		clear(w.compilation.fails)
		j.calm()
		j.build(ipc.BuildRequest{})
		w.compilation.taken()
		j.build(ipc.BuildRequest{})
		if made := w.compilation.taken(); len(made) > 0 {
			r.Fatalf("made again without need: %v", made)
		}
	})
}

func actions(j *journey) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){}
	for name, do := range j.steps() {
		all[name] = func(r *rapid.T) { j.n++; do() }
	}
	return all
}

package orchestrator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// world is a project that exists in memory only: files with content and a time, and
// services that behave as the contract says.
type world struct {
	mu       sync.Mutex
	files    map[string]file
	clock    int64
	includes map[string][]string // by source: the files it reads, if they are there
	plan     ipc.Plan
	planErr  error
	root     string

	discovery   *fakeDiscovery
	setup       *fakeSetup
	compilation *fakeCompilation
}

type file struct {
	text string
	sig  ipc.Signature
}

// newWorld has an executable app of two units with a static library of one.
func newWorld() *world {
	w := &world{files: map[string]file{}, includes: map[string][]string{}}
	w.plan = ipc.Plan{
		ID: "plan-1", Project: "demo", Root: "/demo", BuildDir: "build",
		Toolchains: []ipc.Toolchain{{Family: "clang", CC: "/cc", CXX: "/cxx", Identity: "i1"}},
		Commands:   []ipc.Command{{Lang: "c++", Args: []string{"-O2"}}, {}, {Lang: "c++"}},
	}
	w.addTarget(ipc.Target{Name: "math", Kind: ipc.KindStatic, Output: "build/libmath.a"})
	w.addTarget(ipc.Target{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", Depends: []string{"math"}}, "build/libmath.a")
	w.addUnit("math", "src/math.cpp", "include/math.h")
	w.addUnit("app", "src/main.cpp", "include/math.h")
	w.addUnit("app", "src/util.cpp", "include/util.h")
	w.write("replibuild.toml", "1")
	w.discovery = &fakeDiscovery{w: w, nodes: map[string]node{}}
	w.setup = &fakeSetup{w: w}
	w.compilation = &fakeCompilation{w: w, made: map[string]string{}, fails: map[string]bool{}, calls: map[string]int{}}
	return w
}

// addTarget adds a target without units; libs is what it is linked with.
func (w *world) addTarget(t ipc.Target, libs ...string) {
	w.plan.Targets = append(w.plan.Targets, t)
	a := ipc.Action{ID: ipc.LinkID(t.Name), Kind: ipc.ActionLink, Target: t.Name, Command: 2, Inputs: libs, Outputs: []string{t.Output}}
	if t.Kind == ipc.KindStatic {
		a.Kind, a.Command = ipc.ActionArchive, 1
	}
	w.plan.Actions = append(w.plan.Actions, a)
}

// addUnit adds a unit before the link of its target, after all steps.
func (w *world) addUnit(target, source string, headers ...string) {
	addUnit(&w.plan, target, source)
	w.includes[source] = headers
	for _, path := range append(headers, source) {
		if _, there := w.files[path]; !there {
			w.write(path, "first "+path)
		}
	}
}

func addUnit(p *ipc.Plan, target, source string) {
	u := ipc.Action{
		ID: target + ":" + source, Kind: ipc.ActionCompile, Target: target, Source: source,
		Outputs: []string{"build/obj/" + target + "/" + source + ".o"},
	}
	for step := range p.Steps() {
		u.After = append(u.After, step.ID)
	}
	at := slices.IndexFunc(p.Actions, func(a ipc.Action) bool { return a.ID == ipc.LinkID(target) })
	link := p.Actions[at]
	objects := slices.IndexFunc(append(link.Inputs, ".a"), func(in string) bool { return strings.HasSuffix(in, ".a") })
	link.Inputs = slices.Insert(slices.Clone(link.Inputs), objects, u.Output())
	p.Actions[at] = link
	p.Actions = slices.Insert(p.Actions, at, u)
}

// removeUnit takes a unit out of a plan.
func removeUnit(p *ipc.Plan, id string) {
	u := *p.Action(id)
	p.Actions = slices.DeleteFunc(p.Actions, func(a ipc.Action) bool { return a.ID == id })
	for i := range p.Actions {
		p.Actions[i].Inputs = slices.DeleteFunc(slices.Clone(p.Actions[i].Inputs), func(in string) bool { return in == u.Output() })
	}
}

// addStep adds a step before all units.
func addStep(p *ipc.Plan, step ipc.Action) {
	step.Kind = ipc.ActionCommand
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Kind == ipc.ActionCompile {
			a.After = append(slices.Clip(a.After), step.ID)
		}
	}
	at := slices.IndexFunc(p.Actions, func(a ipc.Action) bool { return a.Kind != ipc.ActionCommand })
	p.Actions = slices.Insert(p.Actions, at, step)
}

// write gives a file content and a new time.
func (w *world) write(path, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(path, text)
}

func (w *world) put(path, text string) {
	w.clock++
	w.files[path] = file{text: text, sig: ipc.Signature{Ino: 1, Mode: 0o100644, Mtime: w.clock}}
}

func (w *world) remove(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, path)
}

// touch gives a file a new time.
func (w *world) touch(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(path, w.files[path].text)
}

// newPlan changes the plan as an edit of replibuild.toml does.
func (w *world) newPlan(change func(*ipc.Plan)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	w.put("replibuild.toml", fmt.Sprint(w.clock))
	p := w.plan
	p.ID = fmt.Sprintf("plan-%d", w.clock)
	p.Commands, p.Actions, p.Targets = slices.Clone(p.Commands), slices.Clone(p.Actions), slices.Clone(p.Targets)
	change(&p)
	w.plan = p
}

// text is what the files say, as a compiler sees them; mu is held.
func (w *world) text(paths ...string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "%s=%s\n", p, w.files[p].text)
	}
	return b.String()
}

// want is what the output of a target has to hold when everything is up to date.
func (w *world) want(target string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for _, in := range w.plan.Action(ipc.LinkID(target)).Inputs {
		text := w.files[in].text
		for u := range w.plan.Units() {
			if u.Output() == in {
				text = w.object(u)
			}
		}
		parts = append(parts, in+"="+text)
	}
	return strings.Join(parts, "\n")
}

// object is what compiling u makes: a comment does not get into it. mu is held.
func (w *world) object(u *ipc.Action) string {
	text := w.text(w.inputs(u.Source)...)
	var kept []string
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(strings.TrimSpace(line), "//")
		kept = append(kept, code)
	}
	return fmt.Sprint(w.plan.Commands[u.Command].Args, strings.Join(kept, ";"))
}

func (w *world) inputs(source string) []string {
	return append([]string{source}, w.includes[source]...)
}

func (w *world) output(path string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[path].text
}

// track is the record of one node; mu is held.
func (w *world) track(id string, inputs, outputs []string) ipc.Track {
	t := ipc.Track{Nodes: []ipc.NodeRecord{{ID: id}}}
	n := &t.Nodes[0]
	for i, path := range slices.Concat(inputs, outputs) {
		t.Files = append(t.Files, ipc.FileSig{Path: path, Sig: w.files[path].sig})
		if i < len(inputs) {
			n.Inputs = append(n.Inputs, uint32(i))
		} else {
			n.Outputs = append(n.Outputs, uint32(i))
		}
	}
	return t
}

type fakeSetup struct {
	ipc.Setup
	w     *world
	plans int
	down  error
}

func (s *fakeSetup) Plan(_ context.Context, r ipc.PlanRequest) (ipc.PlanReply, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.plans++
	if err := cmp.Or(s.down, s.w.planErr); err != nil {
		return ipc.PlanReply{}, err
	}
	p := s.w.plan
	if r.Known == p.ID {
		return ipc.PlanReply{ID: p.ID, Unchanged: true}, nil
	}
	p.Track = s.w.track(planNode, []string{"replibuild.toml"}, nil)
	return ipc.PlanReply{ID: p.ID, Plan: &p}, nil
}

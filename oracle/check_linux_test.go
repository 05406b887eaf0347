package oracle

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// patience bounds one build: a hung daemon costs seconds, and the machine may be
// busy.
const patience = 3 * time.Minute

// built is one build by RepliBuild, as its events tell.
type built struct {
	result replibuild.Result
	err    error
	mu     sync.Mutex
	units  map[string]ipc.UnitFinished // by the unit's ID
	linked map[string]ipc.LinkFinished // by the target's name
	steps  map[string]ipc.StepFinished // by the step's ID
	said   []string
}

func newBuilt() *built {
	return &built{units: map[string]ipc.UnitFinished{}, linked: map[string]ipc.LinkFinished{}, steps: map[string]ipc.StepFinished{}}
}

// build builds the project; m may happen meanwhile, or be nil.
func (w *world) build(m *moment) *built {
	w.t.Helper()
	w.builds++
	if env := w.environ(); w.daemon {
		w.setEnv = env
	} else if w.auto && w.setEnv != nil && !slices.Equal(env, w.setEnv) {
		w.note("use the set: it builds by itself, in the environment of its last caller")
		w.daemon, w.setEnv = true, env
	}
	w.inPlace, w.starts = w.objects(), time.Now()
	b := newBuilt()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := w.project()
	defer m.arm()()
	b.result, b.err = p.Compile(ctx, replibuild.CompileOptions{
		NoDaemon: !w.daemon,
		OnEvent: func(e ipc.Event) {
			if b.see(e.Body) {
				m.start()
			}
		},
	})
	w.note("  built with the set %v: %s", w.daemon, b.summary())
	w.notePreambles(b)
	return b
}

// summary is a build in a line.
func (b *built) summary() string {
	if b.err != nil {
		return b.err.Error()
	}
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(b.units)) {
		u := b.units[id]
		parts = append(parts, id+" "+u.Status+" ("+u.Reason.Text+")")
		if u.Reason.Preamble != "" {
			parts = append(parts, "preamble: "+u.Reason.Preamble)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.linked)) {
		parts = append(parts, "link of "+id+" "+b.linked[id].Status+" ("+b.linked[id].Reason.Text+")")
	}
	for _, id := range slices.Sorted(maps.Keys(b.steps)) {
		parts = append(parts, id+" "+b.steps[id].Status+" ("+b.steps[id].Reason.Text+")")
	}
	return strings.Join(append(parts, b.said...), "; ")
}

// see notes an event; it returns true for the start of a compiler.
func (b *built) see(body ipc.EventBody) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := body.(type) {
	case ipc.UnitStarted:
		return true
	case ipc.UnitFinished:
		b.units[e.Target+":"+e.File] = e
	case ipc.LinkFinished:
		b.linked[e.Target] = e
	case ipc.StepFinished:
		b.steps[e.Step] = e
	case ipc.Notice:
		b.said = append(b.said, e.Message)
	}
	return false
}

// judgement compares a build with one from scratch.
type judgement struct {
	*world
	*built
	plan   *ipc.Plan
	quiet  bool // nothing interfered: what was compiled must be in the cache now
	plain  map[string]plainResult
	broken map[string]bool // targets that cannot be made
	wrong  []string
}

func (j *judgement) complain(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// judge compares, and returns what is wrong. quiet says that nothing interfered with
// the build, such as the death of a daemon.
func (w *world) judge(b *built, quiet bool) []string {
	j := &judgement{world: w, built: b, quiet: quiet, plain: map[string]plainResult{}, broken: map[string]bool{}}
	if why := w.unbuildable(); why != "" {
		if b.err == nil && b.result.Success {
			j.complain("%s, but the build succeeded", why)
		}
		w.failing = true
		return j.wrong
	}
	if b.err != nil {
		j.complain("the build ended with: %v (%q)", b.err, b.said)
		return j.wrong
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if j.plan, err = w.project().Plan(ctx); err != nil {
		j.complain("there is no plan: %v", err)
		return j.wrong
	}
	for _, check := range []func(){j.checkPlan, j.checkGenerated, j.compilePlainly, j.checkUnits, j.checkTargets, j.checkEnd, j.checkLeft} {
		if check(); len(j.wrong) > 0 {
			break
		}
	}
	j.wrong = append(j.wrong, w.plainDoubts()...)
	if len(j.wrong) > 0 {
		j.wrong = append(j.wrong, fmt.Sprintf("the build said %q, %+v", b.said, b.result))
	}
	w.failing = !b.result.Success
	return j.wrong
}

func (w *world) plainDoubts() []string { return w.plain.doubts }

// unbuildable says why setup must refuse the project, "" if it must not.
func (w *world) unbuildable() string {
	if w.settings.generated && !w.isFile("p/gen.in") {
		return "there is no gen.in"
	}
	for _, t := range w.settings.targets {
		if len(w.sourcesOf(t)) == 0 {
			return "target " + t.name + " has no sources"
		}
	}
	return ""
}

// checkPlan compares the plan with what the test knows: it must not be an old one.
func (j *judgement) checkPlan() {
	want := map[string]bool{}
	for _, t := range j.settings.targets {
		for _, s := range j.sourcesOf(t) {
			want[t.name+":"+strings.TrimPrefix(s, "p/")] = true
		}
	}
	if j.plan.Root != j.root() {
		j.complain("the plan is that of %s", j.plan.Root)
		return
	}
	for u := range j.plan.Units() {
		if !want[u.ID] {
			j.complain("the plan has %q, which is not there", u.ID)
		}
		delete(want, u.ID)
		j.checkArgs(u)
	}
	for id := range want {
		j.complain("the plan lacks %q", id)
	}
	j.checkLinkFlags()
}

func (j *judgement) checkArgs(u *ipc.Action) {
	line := j.plan.Line(u)
	var want []string
	for _, d := range j.settings.allDefines() {
		want = append(want, "-D"+d)
	}
	want = append(want, j.settings.allFlags()...)
	for _, d := range j.settings.includeDirs {
		if dir := "-I" + d; !slices.Contains(want, dir) {
			want = append(want, dir)
		}
	}
	rest := line
	for _, arg := range want {
		i := slices.Index(rest, arg)
		if i < 0 {
			j.complain("the command of %s lacks %s, or has it too early: %q", u.ID, arg, line)
			return
		}
		rest = rest[i+1:]
	}
	if !slices.Contains(line, "-O"+j.settings.optimization) || slices.Contains(line, "-g") != j.settings.debug {
		j.complain("the command of %s has other flags: %q", u.ID, line)
	}
	if !strings.HasSuffix(line[0], strings.TrimPrefix(j.settings.compiler, "clang")) && !strings.HasSuffix(u.Source, ".c") {
		j.complain("%s is compiled by %s", u.ID, line[0])
	}
}

func (j *judgement) checkGenerated() {
	if !j.settings.generated {
		return
	}
	made, err := os.ReadFile(j.abs("p/build/gen/gen.h"))
	if err != nil || string(made) != j.read("p/gen.in") {
		j.complain("gen.h is not a copy of gen.in (%v)", err)
	}
}

func (j *judgement) compilePlainly() {
	byName, texts := j.forest()
	for u := range j.plan.Units() {
		j.plain[u.ID] = j.world.plain.compile(j.plan, u, byName, texts)
	}
}

// checkUnits compares every object, and what was compiled with what had to be.
func (j *judgement) checkUnits() {
	for u := range j.plan.Units() {
		want, event := j.plain[u.ID], j.units[u.ID]
		if want.output == nil {
			j.broken[u.Target] = true
			if event.Status != ipc.StatusFailed {
				j.complain("%s is %q, but the compiler says:\n%s", u.ID, event.Status, want.text)
			}
			continue
		}
		if event.Status == ipc.StatusFailed || event.Status == ipc.StatusSkipped {
			j.complain("%s %s, but compiles plainly: %s\n%s", u.ID, event.Status, event.Reason.Text, event.Diagnostics)
			continue
		}
		j.checkFile(u.ID, u.Output(), want.output, event.Reason, j.mayLackDebug)
		j.checkStamp(u, want.output)
		j.checkMode(u.ID, u.Output(), want.mode)
		j.checkDepfile(u, want.inputs)
		j.checkNeed(u.ID, event.Status, event.Reason, j.unitState(j.plan, u, want))
	}
}

// checkFile compares what lies in the build folder; asGood may be nil.
func (j *judgement) checkFile(what, file string, want []byte, reason ipc.Reason, asGood func(is, want []byte) bool) {
	is, err := os.ReadFile(inRoot(j.plan.Root, file))
	info, _ := os.Lstat(inRoot(j.plan.Root, file))
	switch {
	case err != nil:
		j.complain("%s: %v", what, err)
	case !bytes.Equal(j.withoutStamp(is), j.withoutStamp(want)) && (asGood == nil || !asGood(is, want)):
		j.complain("%s: WRONG, %s is not what a plain build makes (%d and %d bytes); the reason given: %s", what, file, len(is), len(want), reason.Text)
	case !info.Mode().IsRegular():
		j.complain("%s: %s is %v", what, file, info.Mode())
	}
}

// checkDepfile compares the dependency file, if the flags ask for one, with that of a plain build.
func (j *judgement) checkDepfile(u *ipc.Action, want []string) {
	if !slices.Contains(j.settings.flags, "-MD") {
		return
	}
	file := strings.TrimSuffix(u.Output(), path.Ext(u.Output())) + ".d"
	text, err := os.ReadFile(inRoot(j.plan.Root, file))
	_, names, _ := strings.Cut(string(text), ":")
	if is := filesOf(names); err != nil || !slices.Equal(is, want) {
		j.complain("%s: WRONG, %s names %q (%v), want %q", u.ID, file, is, err, want)
	}
}

// checkNeed complains of what was made although it was made before of the same. On a file
// system that counts seconds nobody can tell which content was read of a file that was
// just written, so what was made of it is not kept.
func (j *judgement) checkNeed(what, status string, reason ipc.Reason, s state) {
	if j.quiet && status == ipc.StatusCompiled && j.known.has(s) && !j.has("coarse") {
		j.complain("%s: NEEDLESS, it was made of the same before; the reason given: %s (%s)", what, reason.Text, reason.Code)
	}
	// What is in place need not be in the cache: it may have been emptied since.
	if j.quiet && status == ipc.StatusCompiled || reason.Code == ipc.ReasonHit {
		j.known.add(s)
	}
}

func (j *judgement) checkTargets() {
	for i := range j.plan.Targets {
		t := &j.plan.Targets[i]
		if slices.ContainsFunc(t.Depends, func(d string) bool { return j.broken[d] }) {
			j.broken[t.Name] = true
		}
		if j.broken[t.Name] {
			continue
		}
		want, event := j.world.plain.link(j.plan, j.plan.Action(ipc.LinkID(t.Name))), j.linked[t.Name]
		if want.output == nil {
			j.broken[t.Name] = true
			if event.Status != ipc.StatusFailed {
				j.complain("link of %s is %q, but the linker says:\n%s", t.Name, event.Status, want.text)
			}
			continue
		}
		if event.Status == ipc.StatusFailed || event.Status == ipc.StatusSkipped {
			j.complain("link of %s %s, but links plainly: %s\n%s", t.Name, event.Status, event.Reason.Text, event.Diagnostics)
			continue
		}
		j.checkFile("link of "+t.Name, t.Output, want.output, event.Reason, nil)
		j.checkMode("link of "+t.Name, t.Output, want.mode)
		j.checkNeed("link of "+t.Name, event.Status, event.Reason, j.linkState(j.plan, j.plan.Action(ipc.LinkID(t.Name))))
	}
}

// checkEnd compares how the build ended, and what it left behind.
func (j *judgement) checkEnd() {
	if want := len(j.broken) == 0; j.result.Success != want {
		j.complain("the build's success is %v, %v can not be made: %s", j.result.Success, slices.Sorted(maps.Keys(j.broken)), j.result.Detail)
	}
	if left := j.temporaries(); len(left) > 0 && !j.killed { // what the dead leave is swept later
		j.complain("left behind: %q", left)
	}
}

// temporaries are the files that builds write to. Where the daemons build by themselves,
// the end of such a build is awaited.
func (j *judgement) temporaries() (left []string) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		left = nil
		for _, dir := range []string{"p/build/obj/*/src/*", "p/build"} {
			found, _ := filepath.Glob(path.Join(j.abs(dir), ".rb-*"))
			left = append(left, found...)
		}
		if len(left) == 0 || !j.auto || time.Now().After(end) {
			return left
		}
	}
}

package oracle

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// mBuild is one build of both trees.
type mBuild struct {
	args    []string
	all     bool // nothing is left out
	keeps   bool // -k 0
	alone   bool // -j1
	byNinja bool // our tree is built by ninja too
	trap    string
}

// makeStep changes both trees, builds both, and says what is different.
func (w *trees) makeStep() string {
	w.counts.Steps++
	w.tick()
	if w.step > 0 {
		for range w.IntN(3) {
			if w.change(); w.wrong != "" {
				return w.wrong
			}
			w.tick()
		}
	}
	if w.failing && w.chance(70) {
		w.repair()
	}
	w.tick()
	if w.chance(10) {
		w.note("stop the set")
		w.stop()
	}
	b := w.drawBuild()
	w.note("build %q, trap %q, by ninja: %v", b.args, b.trap, b.byNinja)
	if wrong := w.build(b); wrong != "" {
		return "build: " + wrong
	}
	if w.chance(40) {
		b.byNinja = b.byNinja && w.chance(50)
		w.tick()
		w.note("again %q, by ninja: %v", b.args, b.byNinja)
		if wrong := w.build(b); wrong != "" {
			return "the same again: " + wrong
		}
	}
	if !w.blind && w.chance(40) {
		return w.compareTool(oneOf(w.draws, w.tools()), false)
	}
	return ""
}

func (w *trees) drawBuild() mBuild {
	b := mBuild{alone: w.chance(75), keeps: w.chance(50), all: len(w.defaults) == 0, byNinja: w.chance(15)}
	b.args = []string{"-j1"}
	if !b.alone {
		b.args[0] = "-j3"
	}
	if b.keeps {
		b.args = append(b.args, "-k0")
	} else if w.chance(30) {
		b.args = append(b.args, "-k2")
	}
	flags := []string{"-v", "-dkeepdepfile", "-dkeeprsp", "-n"}
	if w.real.recent { // their output is another one since
		flags = append(flags, "--quiet", "-dexplain")
	}
	for _, more := range flags {
		if w.chance(6) && !(more == "-n" && w.blind) {
			b.args = append(b.args, more)
			b.all = b.all && more != "-n"
		}
	}
	if names := w.outputs(true); len(names) > 0 && w.chance(20) {
		b.all = false
		b.args = append(b.args, someOf(w.draws, 2, names)...)
		if w.chance(30) {
			b.args = append(b.args, oneOf(w.draws, w.sources)+"^")
		}
	}
	if w.chance(15) && b.alone && !slices.Contains(b.args, "-n") {
		w.setTrap(&b)
	}
	return b
}

// setTrap has a command end ninja. A command of the console gets no signal from it.
func (w *trees) setTrap(b *mBuild) {
	e := oneOf(w.draws, w.live())
	if e.native() || e.kind == "phony" || e.pool == "console" {
		return
	}
	b.trap = e.id
	if len(e.ins) > 0 && w.chance(80) {
		w.setTimes(e.ins[0], time.Now())
		w.tick()
	}
	how := oneOf(w.draws, []string{"early", "late"}) + "-" + oneOf(w.draws, []string{"kill", "kill", "int"})
	w.note("trap %s: %s", e.id, how)
	w.both("trap-"+e.id, func(p string) { w.must(os.WriteFile(p, []byte(how), 0o644)) })
}

// build builds both trees and compares.
func (w *trees) build(b mBuild) string {
	var one mRun
	before := w.nativeTimes()
	if b.byNinja {
		one = w.theirs("ours", b.args...)
	} else {
		one = w.ours(b.args...)
	}
	for path, at := range w.nativeTimes() {
		if at != before[path] {
			w.foreign[path] = b.byNinja
		}
	}
	if b.trap != "" && w.sprung(b.trap) && one.code == -1 { // it was killed
		w.counts.Killed++
		w.blind = w.blind || w.compiler != "" // the record of its last edge may be lost, and that edge runs once more
		w.both("trap-"+b.trap, func(p string) { _ = os.Remove(p) })
		w.copyOurs()
		w.tick()
		b.trap, b.byNinja = "", false
		w.note("killed; again %q", b.args)
		return w.build(b)
	}
	two := w.theirs("theirs", b.args...)
	if two.code == -1 && b.trap == "" && !b.byNinja { // ninja crashes where a dyndep file names an input twice
		w.counts.Crashed++
		w.copyOurs()
		return ""
	}
	w.both("trap-"+b.trap, func(p string) { _ = os.Remove(p) })
	if w.failing = one.code != 0; w.failing {
		w.counts.Failed++
	}
	if strings.Contains(one.stdout, "no work to do") {
		w.counts.Nothing++
	}
	if strings.Contains(one.stdout, "build stopped: loading '") { // ninja 1.13 stops there too, but says nothing
		w.copyOurs()
		return ""
	}
	if w.blind {
		return w.compareBlind(b, one, two)
	}
	if wrong := w.compare(b, one, two); wrong != "" {
		return fmt.Sprintf("%s\n--- ours: %v\n--- ninja: %v", wrong, one, two)
	}
	return ""
}

func (w *trees) sprung(id string) bool {
	_, err := os.Stat(w.at("ours", "trap-"+id))
	return err != nil
}

// compare is for builds after changes that ninja sees.
func (w *trees) compare(b mBuild, one, two mRun) string {
	how := w.order(b.alone)
	ordered := how == exact
	if (one.code == 0) != (two.code == 0) || ordered && one.code != two.code {
		return "exit codes differ"
	}
	if one.code != 0 && !b.keeps && !ordered || one.code != 0 && b.trap != "" && w.compiler != "" {
		w.copyOurs() // how far it got depends on the order
		b.trap, b.keeps = "", true
		b.args = append([]string{"-k0"}, b.args...)
		w.tick()
		w.note("again %q", b.args)
		return w.build(b)
	}
	if one, two := w.said(one, how), w.said(two, how); one != two {
		return "they say different things: " + firstOther(one, two)
	}
	if !ordered {
		slices.Sort(one.trace)
		slices.Sort(two.trace)
	}
	if !slices.Equal(one.trace, two.trace) {
		return "other commands ran"
	}
	if slices.Contains(b.args, "-n") { // here, but not in ninja, it leaves depfiles and response files alone
		w.copyOurs()
		return ""
	}
	ours, theirs := w.state("ours"), w.state("theirs")
	if one.code != 0 { // clang removes the old object if it fails; here it comes back
		maps.DeleteFunc(ours, func(path, _ string) bool { _, there := theirs[path]; return !there && w.ofNative(path) })
	}
	if wrong := differences(ours, theirs); len(wrong) > 0 {
		return "files differ: " + strings.Join(wrong, "\n")
	}
	if one, two := w.theirs("ours", "-n", "-k0"), w.theirs("theirs", "-n", "-k0"); w.said(one, w.order(true)) != w.said(two, w.order(true)) || one.code != two.code {
		return fmt.Sprintf("ninja would go on with other commands after us: %v\nafter itself: %v", one, two)
	}
	if one.code != 0 { // what wrote its output and failed has no record here
		w.copyOurs()
	}
	return ""
}

// compareBlind is for builds after changes that ninja does not look at: each file is what ninja
// left, or what it makes from nothing.
func (w *trees) compareBlind(b mBuild, one, two mRun) string {
	w.counts.Blind++
	ours, theirs := w.state("ours"), w.state("theirs")
	var targets []string
	if !b.all {
		targets = w.outputs(true)
	}
	scratch, three := w.fromNothing(targets)
	known := b.all || three.code == 0
	if one.code == 0 && b.all && three.code != 0 {
		return fmt.Sprintf("it succeeds where a build from nothing fails:\n--- ours: %v\n--- from nothing: %v", one, three)
	}
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(ours)) {
		if w.leftToNinja() || b.byNinja || !known {
			break
		}
		fromNothing, made := scratch[path]
		switch {
		case b.all && one.code == 0 && made && ours[path] != fromNothing && w.ofNative(path):
			wrong = append(wrong, fmt.Sprintf("%s: %.60q, from nothing %.60q", path, ours[path], fromNothing))
		case ours[path] != theirs[path] && ours[path] != fromNothing && one.code == 0 && (w.ofNative(path) || path == "app.txt"):
			wrong = append(wrong, fmt.Sprintf("%s: %.60q, ninja left %.60q, from nothing %.60q", path, ours[path], theirs[path], fromNothing))
		}
	}
	if len(wrong) > 0 {
		return fmt.Sprintf("files differ: %s\n--- ours: %v\n--- ninja: %v\n--- from nothing: %v", strings.Join(wrong, "\n"), one, two, three)
	}
	w.copyOurs()
	w.blind = !b.all || one.code != 0 || b.byNinja
	return ""
}

// nativeTimes are the times of what compiles, archives and links have made in our tree.
func (w *trees) nativeTimes() map[string]time.Time {
	times := map[string]time.Time{}
	for _, e := range w.live() {
		if info, err := os.Stat(w.at("ours", e.outs[0])); err == nil && e.native() {
			times[e.outs[0]] = info.ModTime()
		}
	}
	return times
}

// leftToNinja reports whether ninja has made something in our tree: only ninja's rule says whether
// that is up to date.
func (w *trees) leftToNinja() bool {
	return slices.Contains(slices.Collect(maps.Values(w.foreign)), true)
}

// ofNative reports whether a compile, archive or link makes a file.
func (w *trees) ofNative(path string) bool {
	return slices.ContainsFunc(w.live(), func(e *mEdge) bool { return e.native() && e.outs[0] == path })
}

// order says how far runs print the same. What the cache has is delivered before its turn.
func (w *trees) order(alone bool) order {
	switch {
	case !alone:
		return mixed
	case w.real.recent && w.compiler == "":
		return exact
	}
	return anyOrder
}

// differences names the files that two trees do not have alike.
func differences(one, two map[string]string) (wrong []string) {
	all := maps.Clone(one)
	maps.Copy(all, two)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		a, inOne := one[path]
		b, inTwo := two[path]
		if a != b || inOne != inTwo {
			wrong = append(wrong, fmt.Sprintf("%s: %v %.60q, ninja %v %.60q", path, inOne, a, inTwo, b))
		}
	}
	return wrong
}

func firstOther(one, two string) string {
	a, b := strings.Split(one, "\n"), strings.Split(two, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q, ninja %q", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, ninja %d", len(a), len(b))
}

// tools are those that only ask.
func (w *trees) tools() [][]string {
	tools := [][]string{
		{"deps"}, {"commands"}, {"targets"}, {"targets", "all"}, {"targets", "depth", "0"}, {"targets", "rule", "cat"}, {"targets", "rule"},
		{"compdb"}, {"compdb", "cc", "rsp"}, {"compdb", "-x"}, {"missingdeps"}, {"rules"}, {"rules", "-d"}, {"commands", "-s"},
	}
	if w.real.recent {
		tools = append(tools, []string{"compdb-targets", "phony_e1"}, []string{"inputs"}, []string{"list"})
	}
	for range 5 {
		e := oneOf(w.draws, w.live())
		tools = append(tools, []string{"query", e.outs[0]}, []string{"commands", e.outs[0]}, []string{"commands", "-s", e.outs[0]}, []string{"deps", e.outs[0]}, []string{"missingdeps", e.outs[0]})
		if w.real.recent {
			tools = append(tools, []string{"inputs", e.outs[0]}, []string{"inputs", "-d", e.outs[0]}, []string{"inputs", "-0", "-E", e.outs[0]}, []string{"multi-inputs", e.outs[0]}, []string{"compdb-targets", e.outs[0]})
		}
	}
	return tools
}

// compareTool runs a tool in both trees; changes says that it may change them.
func (w *trees) compareTool(args []string, changes bool) string {
	w.counts.Tools++
	args = append([]string{"-t"}, args...)
	w.note("tool %q", args)
	one, two := w.ours(args...), w.theirs("theirs", args...)
	clean := func(r mRun) string { return mMtime.ReplaceAllString(w.said(r, w.order(true)), "mtime T") }
	if clean(one) != clean(two) || one.code != two.code {
		return fmt.Sprintf("tool %q:\n--- ours: %v\n--- ninja: %v", args, one, two)
	}
	if wrong := differences(w.state("ours"), w.state("theirs")); changes && len(wrong) > 0 {
		return fmt.Sprintf("tool %q: files differ: %s", args, strings.Join(wrong, "\n"))
	}
	return ""
}

package oracle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// planKind changes what the plan holds: steps and targets leave it and come back,
// libraries and flags are repeated, the compiler gets a variable.
func planKind() kind {
	return kind{name: "plan", prepare: func(w *world) {
		w.save("p/left.in", fmt.Sprintf("#define LEFT %d\n", w.number()), true)
		w.save("p/inc4/assigned.h", fmt.Sprintf("#define ASSIGNED %d\n", w.number()), true)
	}, source: func(_ *world, function, _ string) string {
		return fmt.Sprintf("#if __has_include(<left.h>)\n#include <left.h>\nint %[1]s_left = LEFT;\n#endif\n"+
			"#if __has_include(<assigned.h>)\n#include <assigned.h>\nint %[1]s_assigned = ASSIGNED;\n#endif\n", function)
	}, turns: []turn{
		{3, "step", (*world).toggleStep},
		{3, "target", (*world).toggleTarget},
		{2, "libs", (*world).changeLibs},
		{2, "assign", (*world).changeAssignment},
		{2, "missing-folder", (*world).missingFolder},
	}}
}

const leftStep = "[[generate]]\ncommand = [\"cp\", \"left.in\", \"{out}/left.h\"]\ninputs = [\"left.in\"]\noutputs = [\"left.h\"]\n"

func (w *world) toggleStep() []string {
	steps := &w.settings.steps
	if i := slices.Index(*steps, leftStep); i >= 0 {
		w.note("left.h is made by no step any more")
		*steps = slices.Delete(slices.Clone(*steps), i, i+1)
	} else {
		w.note("a step makes left.h")
		*steps = append(slices.Clone(*steps), leftStep)
	}
	w.restart(20)
	w.saveSettings()
	return w.twiceOr(50)
}

// restart stops the set in so many of a hundred cases.
func (w *world) restart(percent int) {
	if w.chance(percent) {
		w.note("stop the set")
		w.stopSet()
	}
}

// twiceOr builds, and in so many of a hundred cases once more from the cache.
func (w *world) twiceOr(percent int) []string {
	if w.chance(percent) {
		return w.twice()
	}
	return w.buildAndJudge()
}

func (w *world) toggleTarget() []string {
	targets := &w.settings.targets
	extra := target{"extra", "static", nil}
	if w.chance(50) {
		extra.kind = "shared"
	}
	if i := slices.IndexFunc(*targets, func(t target) bool { return t.name == "extra" }); i >= 0 {
		w.note("the target extra leaves")
		*targets = slices.Delete(slices.Clone(*targets), i, i+1)
	} else {
		w.note("the target extra comes")
		*targets = append(slices.Clone(*targets), extra)
		if len(w.sourcesOf(extra)) == 0 {
			w.addSource(extra)
		}
	}
	w.restart(20)
	w.saveSettings()
	return w.twiceOr(30)
}

func (w *world) changeLibs() []string {
	w.settings.libs = pick(w, [][]string{nil, {"m"}, {"m", "dl", "m"}, {"dl", "m"}, {"m", "dl", "rt", "dl", "m"}})
	w.settings.linkFlags = pick(w, [][]string{nil, {"-Wl,--as-needed"}, {"-Xlinker", "--as-needed", "-Xlinker", "--no-as-needed"}, {"-Wl,--as-needed", "-Wl,--no-as-needed", "-Wl,--as-needed"}})
	w.note("link_libs = %s, link_flags = %s", list(w.settings.libs), list(w.settings.linkFlags))
	w.saveSettings()
	return w.twiceOr(30)
}

// changeAssignment gives the compiler a variable that it looks for headers by.
func (w *world) changeAssignment() []string {
	w.settings.assign = pick(w, []string{"", "CPATH=inc4", "env CPATH=inc4", "CPATH=inc1"})
	w.extra = nil
	w.note("compiler = %s %s", w.settings.assign, w.settings.compiler)
	w.saveSettings()
	b := w.build(nil)
	if w.settings.assign != "" && b.refusedFor("CPATH") {
		w.note("  which is refused by name")
		w.settings.assign = ""
		w.saveSettings()
		return w.buildAndJudge()
	}
	return w.finish(b, true)
}

// refusedFor reports whether a build was not made, with words about a name.
func (b *built) refusedFor(name string) bool {
	text := b.result.Detail + strings.Join(b.said, " ")
	if b.err != nil {
		text += b.err.Error()
	}
	return (b.err != nil || !b.result.Success && len(b.units) == 0) && strings.Contains(text, name)
}

func (w *world) missingFolder() []string {
	if w.isDir("p/inc5") {
		w.note("delete p/inc5, which is searched")
		w.must(os.RemoveAll(w.abs("p/inc5")))
	} else {
		w.note("make p/inc5 with a header that is found first")
		w.save("p/inc5/left.h", fmt.Sprintf("#define LEFT %d\n", w.number()), true)
	}
	if !slices.Contains(w.settings.includeDirs, "inc5") {
		w.settings.includeDirs = append([]string{"inc5"}, w.settings.includeDirs...)
		w.saveSettings()
	}
	return w.twiceOr(30)
}

// checkLinkFlags compares the libraries and flags of links with the file.
func (j *judgement) checkLinkFlags() {
	var libs []string
	for _, l := range j.settings.libs {
		libs = append(libs, "-l"+l)
	}
	for _, t := range j.plan.Targets {
		if t.Kind == "static" {
			continue
		}
		c := j.plan.Commands[j.plan.Action(ipc.LinkID(t.Name)).Command]
		if !inOrder(libs, c.Libs) {
			j.complain("the link of %s has the libraries %q of %q", t.Name, c.Libs, libs)
		}
		if !inOrder(j.settings.linkFlags, c.Args) {
			j.complain("the link of %s has the flags %q of %q", t.Name, c.Args, j.settings.linkFlags)
		}
	}
}

// inOrder reports whether all of some arguments are among others in their order.
func inOrder(some, all []string) bool {
	for _, arg := range some {
		i := slices.Index(all, arg)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}

// checkLeft complains of outputs in the build folder that nothing in the plan makes. What
// the oracle wrote there itself stays: builds remove only files that are as they left them.
func (j *judgement) checkLeft() {
	if !j.has("plan") || !j.quiet || !j.result.Success {
		return
	}
	made := map[string]bool{"compile_commands.json": true, "gen/gen.h": j.settings.generated, "gen/left.h": slices.Contains(j.settings.steps, leftStep), "gen/who.txt": true}
	for u := range j.plan.Units() {
		made[strings.TrimPrefix(u.Output(), "build/")] = true
	}
	for _, t := range j.plan.Targets {
		made[strings.TrimPrefix(t.Output, "build/")] = true
	}
	top := j.abs("p/build")
	j.must(filepath.WalkDir(top, func(abs string, d fs.DirEntry, err error) error {
		if path, _ := filepath.Rel(top, abs); err == nil && !d.IsDir() && !made[path] && !slices.Contains(j.spoiled, timeOf(abs)) {
			j.complain("%s lies in the build folder, but nothing in the plan makes it", path)
		}
		return err
	}))
}

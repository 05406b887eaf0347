package oracle

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// maxKnown is for how many states of the inputs of one source with one command
// RepliBuild must still have the object. The cache keeps the 16 used last, and may
// know of differences that this test does not.
const maxKnown = 8

// knownStates are the states of units and links in which they were built before, and
// so must not be compiled or linked again.
type knownStates struct {
	byBase map[digest][]digest // last used first
}

func newKnownStates() *knownStates { return &knownStates{map[digest][]digest{}} }

// state is all that a result depends on. base is the part of it that does not
// change with the files that are included.
type state struct{ base, all digest }

func (k *knownStates) has(s state) bool { return slices.Contains(k.byBase[s.base], s.all) }

func (k *knownStates) add(s state) {
	states := slices.DeleteFunc(slices.Clone(k.byBase[s.base]), func(d digest) bool { return d == s.all })
	states = slices.Insert(states, 0, s.all)
	k.byBase[s.base] = states[:min(len(states), maxKnown)]
}

// forget is for a cache that was emptied. What lies in the build folder is still in
// place, but nobody has to know of it.
func (k *knownStates) forget() { clear(k.byBase) }

// unitState is the state of a unit that was compiled with success: its command, the
// content of what it read, and for every name that these texts mention whether there
// is something of that name in each folder where it could be looked for.
func (w *world) unitState(plan *ipc.Plan, u *ipc.Action, r plainResult) state {
	line := plan.Line(u)
	source, err := os.ReadFile(inRoot(plan.Root, u.Source))
	w.must(err)
	base := digestOf(strings.Join(line[:len(line)-2], "\x00"), strings.Join(w.environ(), "\x00"), string(source), w.beside(),
		w.sourceTime(inRoot(plan.Root, u.Source)), strings.Join(w.settings.assigned(), "\x00"))
	search := searchDirs(line, slices.Concat(w.environ(), w.settings.assigned()))
	parts := []string{string(base[:])}
	looked := map[string]bool{}
	look := func(p string) {
		if !looked[p] {
			looked[p] = true
			sig := ipc.StatSignature(inRoot(plan.Root, p))
			parts = append(parts, fmt.Sprintf("%s %v %v", p, sig.IsRegular(), sig.IsDir()))
		}
	}
	asked := func(p string) {
		content, _ := os.ReadFile(inRoot(plan.Root, p))
		real, _ := filepath.EvalSymlinks(inRoot(plan.Root, p))
		parts = append(parts, string(content), real)
	}
	for _, dir := range search {
		look(dir)
		real, _ := filepath.EvalSymlinks(inRoot(plan.Root, dir)) // of two that are one folder the first is searched
		parts = append(parts, real)
	}
	for _, in := range r.inputs {
		text, err := os.ReadFile(inRoot(plan.Root, in))
		if err != nil {
			continue // it was there when the plain compiler ran, and this is no race
		}
		// Which file it is counts beside its text: for compilers two links to one file
		// are one header, for #pragma once, and copies of it are two.
		real, _ := filepath.EvalSymlinks(inRoot(plan.Root, in))
		parts = append(parts, in, string(text), real)
		if !strings.HasPrefix(inRoot(plan.Root, in), w.base) {
			continue
		}
		for _, name := range namesIn(string(text)) {
			for _, dir := range append([]string{path.Dir(in)}, search...) {
				look(dir + "/" + name)
				look(path.Dir(dir + "/" + name)) // clang asks for the folder first
				if strings.Contains(string(text), "__has_include") {
					asked(dir + "/" + name) // compilers open what they are asked for, and see where it leads
				}
			}
		}
	}
	parts = append(parts, twins(plan.Root, r.inputs)...)
	return state{base, digestOf(parts...)}
}

// twins tells, of each two inputs with #pragma once and the same text, what compilers
// tell them apart by: whether they are one file, and were written in the same second.
func twins(root string, inputs []string) (parts []string) {
	byText := map[string][]string{}
	for _, in := range inputs {
		text, _ := os.ReadFile(inRoot(root, in))
		if !strings.Contains(string(text), "#pragma once") {
			continue
		}
		mine := ipc.StatSignature(inRoot(root, in))
		for _, other := range byText[string(text)] {
			its := ipc.StatSignature(inRoot(root, other))
			parts = append(parts, fmt.Sprint(in, other, mine.Ino == its.Ino && mine.Dev == its.Dev, mine.Mtime/1e9 == its.Mtime/1e9))
		}
		byText[string(text)] = append(byText[string(text)], in)
	}
	return parts
}

// linkState is the state of a target: how it is linked, and the content of what.
func (w *world) linkState(plan *ipc.Plan, a *ipc.Action) state {
	c := plan.Commands[a.Command]
	parts := []string{a.ID, a.Kind, a.Output(), strings.Join(w.environ(), "\x00"), c.Program(plan.Toolchains[c.Toolchain]), w.beside()}
	parts = append(parts, slices.Concat(c.Args, c.Libs)...)
	for _, m := range a.Inputs {
		text, err := os.ReadFile(inRoot(plan.Root, m))
		w.must(err)
		parts = append(parts, m, string(text))
	}
	all := digestOf(parts...)
	return state{all, all}
}

func inRoot(root, p string) string {
	if rest, ok := strings.CutPrefix(p, "/proc/self/cwd/"); ok { // of the compiler
		p = rest
	}
	if filepath.IsAbs(p) {
		return p
	}
	return root + "/" + p
}

package setup

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// layout is how `init` divides a folder into targets.
type layout struct {
	*survey
	resolver *resolver

	includeDirs []string
	modules     []string // of the whole project
	packages    []string
	linkLibs    []string
	targets     []*proposed
	leftOut     []string // what will not be built, and why
}

// proposed is one target.
type proposed struct {
	name    string
	kind    string
	sources []*foundSource
	depends []string
	modules []string // besides the project's
	role    role
}

// arrange decides what is built from which sources.
func (l *layout) arrange() {
	if !slices.ContainsFunc(l.sources, func(f *foundSource) bool { return f.role != roleForeign }) {
		for _, f := range l.sources { // nothing else is here: it is what is wanted
			f.role = roleCode
		}
	}
	if !slices.ContainsFunc(l.sources, func(f *foundSource) bool { return f.role == roleCode }) {
		for _, f := range l.sources {
			if f.role != roleForeign {
				f.role = roleCode
			}
		}
	}
	mains := l.mains()
	l.splitCode(mains)
	l.addPrograms(mains, roleTest)
	l.addPrograms(mains, roleExample)
	l.addFrameworkTests()
	l.findFolders()
	l.findLibraries()
	l.dropUnbuildable()
	l.nameTargets()
}

// mains lists the sources that define main; those that may define it count where
// none does for certain.
func (l *layout) mains() map[*foundSource]bool {
	out := map[*foundSource]bool{}
	for _, f := range l.sources {
		if f.main == certainMain && f.role != roleForeign {
			out[f] = true
		}
	}
	if len(out) == 0 {
		for _, f := range l.sources {
			if f.main == maybeMain && f.role != roleForeign {
				out[f] = true
				break
			}
		}
	}
	return out
}

func (l *layout) byRole(r role) []*foundSource {
	var out []*foundSource
	for _, f := range l.sources {
		if f.role == r {
			out = append(out, f)
		}
	}
	return out
}

// splitCode makes the programs and the library of the project itself. A program with
// a folder of its own has the sources in it; what is left is the library, or part of
// the only program.
func (l *layout) splitCode(mains map[*foundSource]bool) {
	code := l.byRole(roleCode)
	var programs []*proposed
	owned := map[*foundSource]bool{}
	for _, f := range code {
		if mains[f] {
			owned[f] = true
			programs = append(programs, &proposed{kind: ipc.KindExecutable, sources: []*foundSource{f}})
		}
	}
	others := len(mains) > len(programs)
	if len(programs) > 1 {
		for _, p := range programs {
			l.takeFolder(p, code, mains, owned)
		}
	}
	var rest []*foundSource
	for _, f := range code {
		if !owned[f] {
			rest = append(rest, f)
		}
	}
	switch {
	case len(rest) == 0:
	case len(programs) == 1 && !others && !l.hasTests():
		programs[0].sources = append(programs[0].sources, rest...)
	case len(programs) == 0 && !others && !l.hasTests():
		l.targets = append(l.targets, &proposed{kind: ipc.KindShared, sources: rest})
	default:
		l.targets = append(l.targets, &proposed{kind: ipc.KindStatic, sources: rest})
	}
	l.targets = append(l.targets, programs...)
}

// takeFolder gives a program the sources of its folder, unless other programs live
// there too or it is where everything lies.
func (l *layout) takeFolder(p *proposed, code []*foundSource, mains, owned map[*foundSource]bool) {
	dir := path.Dir(p.sources[0].path)
	if dir == "." || dir == "src" || dir == "source" || dir == "lib" {
		return
	}
	var inside []*foundSource
	for _, f := range code {
		if f == p.sources[0] || !underneath(path.Dir(f.path), dir) {
			continue
		}
		if mains[f] {
			return
		}
		inside = append(inside, f)
	}
	for _, f := range inside {
		owned[f] = true
	}
	p.sources = append(p.sources, inside...)
}

// hasTests reports whether there are tests that get their main from a framework.
func (l *layout) hasTests() bool {
	return slices.ContainsFunc(l.byRole(roleTest), func(f *foundSource) bool { return framework(f) != "" })
}

// addPrograms makes a program of each main among tests or examples, with the sources
// without main in its folder.
func (l *layout) addPrograms(mains map[*foundSource]bool, r role) {
	files := l.byRole(r)
	for _, f := range files {
		if !mains[f] {
			continue
		}
		p := &proposed{kind: ipc.KindExecutable, sources: []*foundSource{f}, role: r}
		alone := !slices.ContainsFunc(files, func(o *foundSource) bool { return o != f && mains[o] && path.Dir(o.path) == path.Dir(f.path) })
		for _, helper := range files {
			if !mains[helper] && path.Dir(helper.path) == path.Dir(f.path) && (framework(helper) == "" || alone) {
				p.sources = append(p.sources, helper)
			}
		}
		l.targets = append(l.targets, p)
	}
}

// framework names the header of a test framework that brings a main.
func framework(f *foundSource) string {
	for _, inc := range f.includes {
		if inc.name == "gtest/gtest.h" || inc.name == "gmock/gmock.h" {
			return inc.name
		}
	}
	return ""
}

// addFrameworkTests makes one program of the tests that have no main anywhere.
func (l *layout) addFrameworkTests() {
	taken := map[*foundSource]bool{}
	for _, t := range l.targets {
		for _, f := range t.sources {
			taken[f] = true
		}
	}
	p := &proposed{name: "tests", kind: ipc.KindExecutable, role: roleTest, modules: []string{"GTest"}}
	tests := slices.DeleteFunc(l.byRole(roleTest), func(f *foundSource) bool { return taken[f] })
	if slices.ContainsFunc(tests, func(f *foundSource) bool { return framework(f) != "" }) {
		p.sources = tests
		l.targets = append(l.targets, p)
	}
}

// nameTargets gives every program the name of its main file, or of its folder, and
// lets it depend on the library.
func (l *layout) nameTargets() {
	project := fileNameOf(l.name)
	taken := map[string]bool{"obj": true, "gen": true, "compile_commands.json": true}
	for _, t := range l.targets {
		if t.kind == ipc.KindExecutable && t.name == "" {
			t.name = unique(programOf(t.sources[0].path, project), taken)
		}
		taken[t.name] = t.name != ""
	}
	var library *proposed
	for _, t := range l.targets {
		if t.kind != ipc.KindExecutable {
			t.name = unique(project, taken)
			if t.name != project {
				t.name = unique("lib"+strings.TrimPrefix(project, "lib"), taken)
			}
			library = t
		}
	}
	for _, t := range l.targets {
		if library != nil && t != library {
			t.depends = []string{library.name}
		}
	}
}

func programOf(file, project string) string {
	stem := strings.TrimSuffix(path.Base(file), path.Ext(file))
	dir := path.Base(path.Dir(file))
	switch {
	case stem != "main":
		return fileNameOf(stem)
	case dir == "." || dir == "src" || dir == "source" || dir == "app":
		return project
	}
	return fileNameOf(dir)
}

func unique(name string, taken map[string]bool) string {
	for i, try := 2, name; ; i++ {
		if !taken[try] {
			taken[try] = true
			return try
		}
		try = fmt.Sprintf("%s-%d", name, i)
	}
}

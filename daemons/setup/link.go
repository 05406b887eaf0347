package setup

import (
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// planTarget is what the plan says of a target.
func (p *planner) planTarget(t *target) ipc.Target {
	out := ipc.Target{Name: t.name, Kind: t.kind, Output: p.output(t)}
	for _, d := range t.depends {
		out.Depends = append(out.Depends, d.name)
	}
	return out
}

// link says how a target is linked: the kind of the action, its command, and the inputs
// after the objects of the target.
func (p *planner) link(t *target, langs map[string]bool) (kind string, c ipc.Command, inputs []string) {
	c = ipc.Command{Toolchain: t.chain, Args: []string{}}
	if t.kind == ipc.KindStatic {
		return ipc.ActionArchive, c, nil
	}
	linked := linkedInto(t)
	c.Lang = "c"
	if langs["c++"] || slices.ContainsFunc(linked, func(d *target) bool { return d.kind == ipc.KindStatic && writtenInCXX(d) }) {
		c.Lang = "c++"
	}
	for _, d := range linked[1:] {
		inputs = append(inputs, p.output(d))
	}
	for _, d := range t.again { // as often as it was asked for
		inputs = append(inputs, p.output(d))
	}
	parts := slices.DeleteFunc(slices.Clone(linked), func(d *target) bool { return d != t && d.kind == ipc.KindShared })
	c.Args = p.linkFlags(t, c.Lang, linked, parts)
	c.Libs = p.libs(parts)
	return ipc.ActionLink, c, inputs
}

func writtenInCXX(t *target) bool {
	return slices.ContainsFunc(t.sources, func(s string) bool { return languageOf(s) == "c++" })
}

// linkedInto lists a target and what is linked with it, each before what it needs. A
// shared library contains the static libraries that it needs. They are not linked into
// the program again: a second copy of their variables is a bug that is hard to find. A
// target that uses such a static library itself must depend on it.
func linkedInto(t *target) []*target {
	var out []*target
	seen := map[*target]bool{}
	var visit func(d *target, shared bool)
	visit = func(d *target, shared bool) {
		if seen[d] || shared && d.kind == ipc.KindStatic {
			return
		}
		seen[d] = true
		for _, n := range slices.Backward(d.depends) {
			visit(n, d != t && (shared || d.kind == ipc.KindShared))
		}
		out = append(out, d)
	}
	// What is reached through static libraries and directly comes first: a static
	// library that both a shared one and the target need is linked by both.
	visit(t, false)
	slices.Reverse(out)
	return out
}

// linkFlags come before the objects: parts are the target and the static libraries
// that become part of it. Flags are in the order and as often as they were given; those
// of the target come after those of its libraries.
func (p *planner) linkFlags(t *target, lang string, linked, parts []*target) []string {
	chain := p.chains[t.chain]
	driver := chain.CXXArgs
	if lang == "c" {
		driver = chain.CCArgs
	}
	var flags []string
	if usesLTO(t.table) && !t.table.optimization.given() {
		flags = append(flags, optimization(defaultOptimization, chain.Family)...)
	}
	flags = append(flags, driver...)
	if t.kind == ipc.KindShared {
		flags = append(flags, p.sharedFlags(t)...)
	}
	if chain.Linker != "" {
		flags = append(flags, "-fuse-ld="+chain.Linker)
	}
	for _, d := range slices.Backward(parts) {
		flags = append(flags, p.linkToo(d.table, lang)...)
	}
	if usesLTO(t.table) && t.table.optimization.given() {
		flags = append(flags, optimization(t.table.optimization.text, chain.Family)...)
	}
	for _, d := range parts {
		for _, dir := range d.table.libDirs.texts() {
			flags = append(flags, "-L"+planPath(p.root, p.expand(dir)))
		}
	}
	for _, m := range modulesOf(parts) {
		flags = append(flags, m.linkFlags...)
	}
	if slices.ContainsFunc(linked[1:], func(d *target) bool { return d.kind == ipc.KindShared }) {
		flags = append(flags, p.besideFlags()...)
	}
	return append(flags, t.table.linkFlags.texts()...)
}

// besideFlags let a program find the shared libraries that lie in its own folder.
func (p *planner) besideFlags() []string {
	switch p.goos {
	case "darwin":
		return []string{"-Wl,-rpath,@loader_path"}
	case "windows":
		return nil // they are looked for there anyway
	}
	return []string{"-Wl,-rpath,$ORIGIN"}
}

// sharedFlags make a shared library that is found by its name: a program that was
// linked with build/libx.so would look for just that path otherwise.
func (p *planner) sharedFlags(t *target) []string {
	name := path.Base(p.output(t))
	switch p.goos {
	case "darwin":
		return []string{"-dynamiclib", "-Wl,-install_name,@rpath/" + name}
	case "windows":
		return []string{"-shared"}
	}
	if strings.Contains(name, ",") { // which parts the arguments of -Wl
		return []string{"-shared", "-Xlinker", "-soname", "-Xlinker", name}
	}
	return []string{"-shared", "-Wl,-soname," + name}
}

// linkToo are the compiler flags that the driver must see when it links as well.
func (p *planner) linkToo(s settings, lang string) []string {
	flags := s.cxxFlags.texts()
	if lang == "c" {
		flags = s.cFlags.texts()
	}
	var out []string
	for i := 0; i < len(flags); i++ {
		flag := flags[i : i+1]
		if takesValue(flags[i]) && i+1 < len(flags) {
			i++
			flag = flags[i-1 : i+1]
		}
		if forLinker(flag[0]) {
			out = append(out, flag...)
		}
	}
	if slices.Contains(s.linkLibs.texts(), "pthread") && p.goos != "windows" {
		out = append(out, "-pthread")
	}
	return out
}

// forLinker reports whether a compiler flag says something about linking, too.
func forLinker(flag string) bool {
	return slices.ContainsFunc([]string{
		"-flto", "-fno-lto", "-fsanitize", "-fno-sanitize", "--coverage", "-fprofile-", "-fopenmp", "-stdlib=", "-pthread",
		"-m32", "-m64", "-mx32", "--target", "-target", "--sysroot", "-isysroot", "-arch", "-static-lib", "-fuse-ld=", "--ld-path=",
	}, func(prefix string) bool { return strings.HasPrefix(flag, prefix) })
}

// libs come after the objects, those of a static library after those of its users, in
// the order and as often as they were given; those of modules at last.
func (p *planner) libs(parts []*target) []string {
	var all []string
	for _, d := range parts {
		names := d.table.linkLibs.texts()
		for i, name := range names {
			switch {
			case i > 0 && takesValue(names[i-1]): // -framework NAME
				all = append(all, name)
			case name != "pthread" || p.goos == "windows": // else it is -pthread
				all = append(all, libraryFlag(p.root, p.root, name))
			}
		}
	}
	modules := modulesOf(parts)
	for i, m := range modules {
		all = append(all, withoutRepeated(m.libs, modules[i+1:])...)
	}
	return all
}

// withoutRepeated leaves out the libraries that a later module names again: of those the
// last place counts. A list with other flags is left as it is, for they are about the
// libraries in it (-Wl,-Bstatic, -Wl,--start-group).
func withoutRepeated(libs []string, later []*module) []string {
	plain := !slices.ContainsFunc(libs, func(lib string) bool { return !strings.HasPrefix(lib, "-l") })
	if !plain {
		return libs
	}
	return slices.DeleteFunc(slices.Clone(libs), func(lib string) bool {
		return slices.ContainsFunc(later, func(m *module) bool { return slices.Contains(m.libs, lib) })
	})
}

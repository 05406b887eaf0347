package setup

import (
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// link says how a target is put together.
func (p *planner) link(t *target, langs map[string]bool) ipc.Target {
	out := ipc.Target{Name: t.name, Kind: t.kind, Output: p.output(t), Toolchain: t.chain, LinkLang: "c"}
	for _, d := range t.depends {
		out.Depends = append(out.Depends, d.name)
	}
	linked := linkedInto(t)
	if langs["c++"] || slices.ContainsFunc(linked, func(d *target) bool { return d.kind == ipc.KindStatic && writtenInCXX(d) }) {
		out.LinkLang = "c++"
	}
	if t.kind == ipc.KindStatic {
		return out
	}
	for _, d := range linked[1:] {
		out.LinkInputs = append(out.LinkInputs, p.output(d))
	}
	parts := slices.DeleteFunc(slices.Clone(linked), func(d *target) bool { return d != t && d.kind == ipc.KindShared })
	out.LinkFlags = p.linkFlags(t, out.LinkLang, linked, parts)
	out.Libs = p.libs(parts)
	return out
}

func writtenInCXX(t *target) bool {
	return slices.ContainsFunc(t.sources, func(s string) bool { return languageOf(s) == "c++" })
}

// linkedInto lists a target and what is linked with it, each before what it needs. A
// shared library has what it needs of static ones inside: a second copy of their
// variables in the program would be a bug that nobody finds. A target that uses such
// a static library itself depends on it itself.
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
// that become part of it.
func (p *planner) linkFlags(t *target, lang string, linked, parts []*target) []string {
	chain := p.chains[t.chain]
	flags := slices.Clone(chain.CXXArgs)
	if lang == "c" {
		flags = slices.Clone(chain.CCArgs)
	}
	if t.kind == ipc.KindShared {
		flags = append(flags, p.sharedFlags(t)...)
	}
	if chain.Linker != "" && linkerOf(t.table.linkFlags.texts()) == "" {
		flags = append(flags, "-fuse-ld="+chain.Linker)
	}
	for _, d := range parts {
		flags = appendFlags(flags, p.linkToo(d.table, lang))
	}
	if usesLTO(t.table) {
		flags = appendFlags(flags, optimization(orDefault(t.table.optimization.text, defaultOptimization), chain.Family))
	}
	for _, d := range parts {
		for _, dir := range d.table.libDirs.texts() {
			flags = appendFlags(flags, []string{"-L" + planPath(p.root, p.expand(dir))})
		}
	}
	for _, m := range modulesOf(parts) {
		flags = appendFlags(flags, m.linkFlags)
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

// appendFlags appends flags that are not there yet, with their values.
func appendFlags(flags, more []string) []string {
	for i := 0; i < len(more); i++ {
		flag := []string{more[i]}
		if (takesValue(more[i]) || more[i] == "-L" || more[i] == "-Xlinker" || more[i] == "-z") && i+1 < len(more) {
			i++
			flag = append(flag, more[i])
		}
		if !contains(flags, flag) {
			flags = append(flags, flag...)
		}
	}
	return flags
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
	return []string{"-shared", "-Wl,-soname," + name}
}

// linkToo are the compiler flags that the driver must see when it links as well.
func (p *planner) linkToo(s settings, lang string) []string {
	flags := s.cxxFlags.texts()
	if lang == "c" {
		flags = s.cFlags.texts()
	}
	var out []string
	for _, f := range flags {
		for _, prefix := range []string{
			"-flto", "-fno-lto", "-fsanitize", "-fno-sanitize", "--coverage", "-fprofile-", "-fopenmp", "-stdlib=", "-pthread",
			"-m32", "-m64", "-mx32", "--target=", "--sysroot=", "-static-lib", "-fuse-ld=",
		} {
			if strings.HasPrefix(f, prefix) {
				out = append(out, f)
				break
			}
		}
	}
	if slices.Contains(s.linkLibs.texts(), "pthread") && p.goos != "windows" {
		out = append(out, "-pthread")
	}
	return out
}

// libs come after the objects, those of a static library after those of its users;
// of a library that several name the last place counts.
func (p *planner) libs(parts []*target) []string {
	var all []string
	for _, d := range parts {
		for _, name := range d.table.linkLibs.texts() {
			if name == "pthread" && p.goos != "windows" {
				continue // -pthread
			}
			all = append(all, libraryFlag(p.root, p.root, name))
		}
	}
	for _, m := range modulesOf(parts) {
		all = append(all, m.libs...)
	}
	return lastOfEach(all)
}

// lastOfEach drops all but the last of equal -l flags. Other flags stay where they
// are: -Wl,--as-needed is about what follows it.
func lastOfEach(libs []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, lib := range slices.Backward(libs) {
		if strings.HasPrefix(lib, "-l") || !strings.HasPrefix(lib, "-") {
			if seen[lib] {
				continue
			}
			seen[lib] = true
		}
		out = append(out, lib)
	}
	slices.Reverse(out)
	return out
}

package setup

import (
	"slices"
	"strings"
)

// args are the arguments that compile a target's sources of one language. The project's
// own flags win: they come after all flags that they could contradict, and before the
// folders to search, so that an -I among them is searched first.
func (p *planner) args(t *target, lang string) []string {
	s, chain := t.table, p.chains[t.chain]
	own, driver, standard, usual := s.cxxFlags, chain.CXXArgs, s.cxxStandard, defaultCXXStandard
	if lang == "c" {
		own, driver, standard, usual = s.cFlags, chain.CCArgs, s.cStandard, defaultCStandard
	}
	var args []string
	add := func(written bool) { // defaults come before what came with the compiler
		if standard.given() == written {
			args = append(args, "-std="+orDefault(standard.text, usual))
		}
		if s.optimization.given() == written {
			args = append(args, optimization(orDefault(s.optimization.text, defaultOptimization), chain.Family)...)
		}
		if s.debug.given == written && s.debug.or(defaultDebug) {
			args = append(args, "-g")
		}
	}
	add(false)
	args = append(args, driver...)
	add(true)
	if (s.pic.or(false) || t.pic) && p.goos != "windows" {
		args = append(args, "-fPIC")
	}
	// Always with colours: the diagnostics are kept with the object and shown later, on a
	// terminal or in a file. The program that shows them removes the colours if they are
	// not wanted.
	args = append(args, "-fdiagnostics-color=always")
	args = append(args, p.debugPathArgs()...)
	all := withDependsOf(t)
	if slices.ContainsFunc(all, func(d *target) bool { return slices.Contains(d.table.linkLibs.texts(), "pthread") }) && p.goos != "windows" {
		args = append(args, "-pthread")
	}
	args = append(args, p.defines(t, all)...)
	flags, search := moduleArgs(all, lang)
	args = append(args, flags...)
	args = append(args, own.texts()...)
	return append(args, appendFolders(p.includes(t, all), search)...)
}

func optimization(level, family string) []string {
	if level == "fast" && family == "clang" { // -Ofast is deprecated there since 19, for this
		return []string{"-O3", "-ffast-math"}
	}
	return []string{"-O" + level}
}

// defines are those of the targets that t depends on, then its own: the last of two
// values counts.
func (p *planner) defines(t *target, all []*target) []string {
	var args []string
	add := func(names words) {
		for _, d := range names.texts() {
			args = append(args, "-D"+d)
		}
	}
	for _, d := range slices.Backward(all) {
		add(d.table.publicDefines)
	}
	add(t.table.defines)
	return args
}

// includes are the folders to search: the target's own, generated headers, then
// those of targets that it depends on, nearest first.
func (p *planner) includes(t *target, all []*target) []string {
	var dirs []string
	add := func(dir string) {
		if !slices.Contains(dirs, "-I"+dir) {
			dirs = append(dirs, "-I"+dir)
		}
	}
	addAll := func(list words) {
		for _, dir := range list.texts() {
			add(planPath(p.root, p.expand(dir)))
		}
	}
	addAll(t.table.includeDirs)
	addAll(t.table.publicIncludeDirs)
	if !t.table.includeDirs.given() && p.w.isDir(absolute(p.root, defaultInclude)) {
		add(defaultInclude)
	}
	if len(p.steps) > 0 {
		add(p.genDir())
	}
	for _, d := range all[1:] {
		addAll(d.table.publicIncludeDirs)
	}
	return dirs
}

// moduleArgs are the flags of modules, also of those that depends bring, because their
// headers may include the modules'. Folders to search are apart from the rest.
func moduleArgs(all []*target, lang string) (flags, search []string) {
	for _, m := range modulesOf(all) {
		own := m.cflags
		if lang == "c++" {
			own = slices.Concat(m.cflags, m.cxxFlags)
		} else if slices.Contains(m.cxxFlags, "-pthread") {
			own = append(slices.Clone(own), "-pthread")
		}
		for i := 0; i < len(own); i++ {
			list := &flags
			if isSearch(own[i]) {
				list = &search
			}
			*list = append(*list, own[i])
			if takesValue(own[i]) && i+1 < len(own) {
				i++
				*list = append(*list, own[i])
			}
		}
	}
	return flags, search
}

// isSearch reports whether a flag names a folder to search for headers.
func isSearch(flag string) bool {
	return slices.ContainsFunc([]string{"-I", "-isystem", "-iquote", "-idirafter", "-iframework", "-F"}, func(prefix string) bool {
		return strings.HasPrefix(flag, prefix)
	})
}

// takesValue reports whether a flag's value is the next argument.
func takesValue(flag string) bool {
	switch flag {
	case "-isystem", "-I", "-D", "-U", "-include", "-imacros", "-idirafter", "-iquote", "-isysroot", "-framework", "-F", "-iframework",
		"-Xclang", "-Xlinker", "-Xassembler", "-Xpreprocessor", "-L", "-l", "-z", "-u", "-T", "-target", "--target", "--sysroot", "-arch":
		return true
	}
	return false
}

// appendFolders appends flags of folders to search that are not there yet: of two equal
// ones the first counts, and compilers drop the second.
func appendFolders(flags, more []string) []string {
	for i := 0; i < len(more); i++ {
		flag := more[i : i+1]
		if takesValue(more[i]) && i+1 < len(more) {
			i++
			flag = more[i-1 : i+1]
		}
		if !contains(flags, flag) {
			flags = append(flags, flag...)
		}
	}
	return flags
}

func contains(args, part []string) bool {
	for i := range args {
		if i+len(part) <= len(args) && slices.Equal(args[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// modulesOf lists the modules of targets, each before what it needs.
func modulesOf(all []*target) []*module {
	var out []*module
	for _, t := range all {
		out = append(out, t.modules...)
	}
	return flatten(out)
}

// withDependsOf lists a target and all that it depends on, each before what it
// needs, as the linker wants them.
func withDependsOf(t *target) []*target {
	var out []*target
	seen := map[*target]bool{}
	var visit func(t *target)
	visit = func(t *target) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, d := range slices.Backward(t.depends) {
			visit(d)
		}
		out = append(out, t)
	}
	visit(t)
	slices.Reverse(out)
	return out
}

package setup

import (
	"slices"
	"strings"
)

// args are the arguments that compile a target's sources of one language. The
// project's own flags come after all that they could contradict, and before the
// folders to search, so that an -I among them is searched first: they win.
func (p *planner) args(t *target, lang string) []string {
	s, chain := t.table, p.chains[t.chain]
	own, driver, std := s.cxxFlags, chain.CXXArgs, "-std="+orDefault(s.cxxStandard.text, defaultCXXStandard)
	if lang == "c" {
		own, driver, std = s.cFlags, chain.CCArgs, "-std="+orDefault(s.cStandard.text, defaultCStandard)
	}
	args := append(slices.Clone(driver), std)
	args = append(args, optimization(orDefault(s.optimization.text, defaultOptimization), chain.Family)...)
	if s.debug.or(defaultDebug) {
		args = append(args, "-g")
	}
	if (s.pic.or(false) || t.pic) && p.goos != "windows" {
		args = append(args, "-fPIC")
	}
	// Always: what is kept with an object is shown later, to a terminal as to a file,
	// and who shows it takes the colours out where they are not wanted.
	args = append(args, "-fdiagnostics-color=always")
	all := withDependsOf(t)
	if slices.ContainsFunc(all, func(d *target) bool { return slices.Contains(d.table.linkLibs.texts(), "pthread") }) && p.goos != "windows" {
		args = append(args, "-pthread")
	}
	args = append(args, p.defines(t, all)...)
	flags, search := moduleArgs(all, lang)
	args = appendFlags(args, flags)
	args = append(args, own.texts()...)
	return append(args, appendFlags(p.includes(t, all), search)...)
}

func optimization(level, family string) []string {
	if level == "fast" && family == "clang" { // -Ofast is deprecated there since 19, for this
		return []string{"-O3", "-ffast-math"}
	}
	return []string{"-O" + level}
}

func (p *planner) defines(t *target, all []*target) []string {
	var args []string
	add := func(names words) {
		for _, d := range names.texts() {
			if !slices.Contains(args, "-D"+d) {
				args = append(args, "-D"+d)
			}
		}
	}
	for _, d := range slices.Backward(all) { // the target's own last
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

// moduleArgs are the flags of modules, those of depends too, whose headers may include
// the modules': folders to search apart from the rest.
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
	case "-isystem", "-I", "-D", "-U", "-include", "-imacros", "-idirafter", "-iquote", "-isysroot", "-framework", "-F", "-iframework", "-Xclang":
		return true
	}
	return false
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

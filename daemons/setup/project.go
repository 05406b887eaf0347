package setup

import (
	"github.com/RepliBuild/replibuild/ipc"
)

// settings are the keys of [compilation], which a target may repeat. A key that was not
// written is not given, so one table can override another.
type settings struct {
	compiler, linker                       word
	cxxStandard, cStandard, optimization   word
	debug, pic                             toggle
	sourceDirs, sources, exclude           words
	includeDirs, defines, cxxFlags, cFlags words
	linkLibs, libDirs, linkFlags           words
	publicIncludeDirs, publicDefines       words // of targets only
}

// over returns s where it says something, else base. Lists replace lists: a target
// that wants another set of flags must be able to leave one out. sources and
// source_dirs say the same thing in two ways, so one replaces the other too.
func (s settings) over(base settings) settings {
	for _, w := range []struct{ from, to *word }{
		{&base.compiler, &s.compiler}, {&base.linker, &s.linker}, {&base.cxxStandard, &s.cxxStandard},
		{&base.cStandard, &s.cStandard}, {&base.optimization, &s.optimization},
	} {
		if !w.to.given() {
			*w.to = *w.from
		}
	}
	if !s.sources.given() && !s.sourceDirs.given() {
		s.sources, s.sourceDirs = base.sources, base.sourceDirs
	}
	for _, l := range []struct{ from, to *words }{
		{&base.exclude, &s.exclude}, {&base.includeDirs, &s.includeDirs}, {&base.defines, &s.defines},
		{&base.cxxFlags, &s.cxxFlags}, {&base.cFlags, &s.cFlags}, {&base.linkLibs, &s.linkLibs},
		{&base.libDirs, &s.libDirs}, {&base.linkFlags, &s.linkFlags},
		{&base.publicIncludeDirs, &s.publicIncludeDirs}, {&base.publicDefines, &s.publicDefines},
	} {
		if !l.to.given() {
			*l.to = *l.from
		}
	}
	if !s.debug.given {
		s.debug = base.debug
	}
	if !s.pic.given {
		s.pic = base.pic
	}
	return s
}

// project is replibuild.toml as it was written, for this platform.
type project struct {
	name, version         word
	base                  settings
	jobs                  int
	debugPaths            word
	shared                toggle // [cache]
	kind, library, outDir word   // [output]
	targets               []targetTable
	steps                 []stepTable
	dependencies          dependencies
	build                 *buildTable // nil = a build of our own
}

// targetTable is one [targets.NAME].
type targetTable struct {
	name          word // with the place of its header
	own           settings
	kind, library word
	depends       words
	dependencies  dependencies
}

// stepTable is one [[generate]].
type stepTable struct {
	location
	command, inputs, outputs words
}

// dependencies are the modules that something asks for.
type dependencies struct{ modules, pkgConfig []requirement }

// requirement is one of them, with the version it must have.
type requirement struct{ name, version word }

// The names of platforms in replibuild.toml.
var platforms = map[string]string{"linux": "linux", "macos": "darwin", "windows": "windows"}

// platformOf is the name of a GOOS in replibuild.toml. Unixes that have no name of
// their own there are treated as Linux.
func platformOf(goos string) string {
	for name, os := range platforms {
		if os == goos {
			return name
		}
	}
	return "linux"
}

// readProject reads the whole document.
func readProject(d *document, goos string, ps *problems) *project {
	r := &projectReader{reader{ps}, platformOf(goos)}
	p := &project{}
	r.table(d.root(), fields{
		"project": func(n node) {
			r.table(n, fields{"name": r.word(&p.name, notEmpty, oneLine), "version": r.word(&p.version, oneLine)})
		},
		"cache":       func(n node) { r.cache(n, p) },
		"compilation": func(n node) { p.base = r.compilation(n, p) },
		"output":      func(n node) { r.output(n, p) },
		"targets": func(n node) {
			r.each(n, func(name string, n node) { p.targets = append(p.targets, r.target(name, n)) })
		},
		"generate":     func(n node) { r.tables(n, func(n node) { p.steps = append(p.steps, r.step(n)) }) },
		"dependencies": func(n node) { p.dependencies = r.dependencies(n) },
		"build":        func(n node) { p.build = r.readBuild(n) },
		"remote":       func(n node) { r.remote(n) }, // only its mistakes matter here; ReadRemote
	})
	return p
}

// projectReader reads tables for one platform.
type projectReader struct {
	reader
	platform string
}

// keys are the keys of [compilation] that fill s.
func (r *projectReader) keys(s *settings) fields {
	return fields{
		"compiler":         r.word(&s.compiler, notEmpty),
		"cxx_standard":     r.word(&s.cxxStandard, cxxStandard),
		"c_standard":       r.word(&s.cStandard, cStandard),
		"optimization":     r.word(&s.optimization, oneOf("0", "1", "2", "3", "s", "z", "fast", "g")),
		"debug":            r.toggle(&s.debug),
		"pic":              r.toggle(&s.pic),
		"source_dirs":      r.words(&s.sourceDirs, notEmpty, cleanPath),
		"sources":          r.words(&s.sources, notEmpty, validPattern),
		"exclude_patterns": r.words(&s.exclude, notEmpty, validPattern),
		"include_dirs":     r.words(&s.includeDirs, notEmpty, cleanPath),
		"defines":          r.words(&s.defines, macro),
		"cxx_flags":        r.words(&s.cxxFlags, notEmpty, flagOnly),
		"c_flags":          r.words(&s.cFlags, notEmpty, flagOnly),
		"link_libs":        r.words(&s.linkLibs, notEmpty),
		"lib_dirs":         r.words(&s.libDirs, notEmpty, cleanPath),
		"link_flags":       r.words(&s.linkFlags, notEmpty),
		"linker":           r.word(&s.linker, oneOf("auto", "mold", "lld", "default")),
	}
}

// targetKeys are the keys of a target that fill s.
func (r *projectReader) targetKeys(s *settings) fields {
	known := r.keys(s)
	known["public_include_dirs"] = r.words(&s.publicIncludeDirs, notEmpty, cleanPath)
	known["public_defines"] = r.words(&s.publicDefines, macro)
	return known
}

// withPlatforms reads a table of settings with one table per platform in it, and
// lays that of this platform over the rest. Those of the others are checked too.
func (r *projectReader) withPlatforms(n node, into *settings, keys func(*settings) fields, more fields) {
	here := settings{}
	known := keys(into)
	for key, read := range more {
		known[key] = read
	}
	for platform := range platforms {
		own := &settings{}
		if platform == r.platform {
			own = &here
		}
		known[platform] = func(n node) { r.table(n, keys(own)) }
	}
	r.table(n, known)
	*into = here.over(*into)
}

func (r *projectReader) compilation(n node, p *project) settings {
	var s settings
	r.withPlatforms(n, &s, r.keys, fields{
		"num_jobs":    r.number(&p.jobs, 4096),
		"debug_paths": r.word(&p.debugPaths, oneOf(debugPathsPlain, debugPathsShared)),
	})
	return s
}

func (r *reader) cache(n node, p *project) {
	r.table(n, fields{"shared": r.toggle(&p.shared)})
}

func (r *projectReader) output(n node, p *project) {
	r.table(n, fields{
		"kind":         r.word(&p.kind, oneOf(ipc.KindExecutable, ipc.KindShared, ipc.KindStatic)),
		"library_name": r.word(&p.library, fileName),
		"output_dir":   r.word(&p.outDir, notEmpty, localPath),
	})
}

func (r *projectReader) target(name string, n node) targetTable {
	t := targetTable{name: word{name, n.key()}}
	r.withPlatforms(n, &t.own, r.targetKeys, fields{
		"kind":         r.word(&t.kind, oneOf(ipc.KindExecutable, ipc.KindShared, ipc.KindStatic)),
		"library_name": r.word(&t.library, fileName),
		"depends":      r.words(&t.depends, notEmpty),
		"dependencies": func(n node) { t.dependencies = r.dependencies(n) },
	})
	if message, suggestion := targetName(name); message != "" {
		r.problems.at(n.key(), suggestion, "target name %q %s", name, message)
	}
	return t
}

func (r *projectReader) step(n node) stepTable {
	s := stepTable{location: n.location}
	r.table(n, fields{
		"command": r.words(&s.command),
		"inputs":  r.words(&s.inputs, notEmpty),
		"outputs": r.words(&s.outputs, notEmpty),
	})
	return s
}

func (r *reader) dependencies(n node) dependencies {
	var d dependencies
	r.table(n, fields{"modules": r.requirements(&d.modules), "pkg_config": r.requirements(&d.pkgConfig)})
	return d
}

// requirements reads a list of names and { name, version } tables.
func (r *reader) requirements(into *[]requirement) func(node) {
	return func(n node) {
		items, ok := elements(n.value)
		if !ok {
			r.wrongType(n, "a list of names", "")
			return
		}
		for i, item := range items {
			child := node{location{doc: n.doc, path: n.path.Item(i)}, item}
			var req requirement
			if _, isText := item.(string); isText {
				r.word(&req.name, notEmpty, moduleName)(child)
			} else {
				r.table(child, fields{"name": r.word(&req.name, notEmpty, moduleName), "version": r.word(&req.version, constraint)})
				if tree, ok := item.(map[string]any); ok && tree["name"] == nil {
					r.problems.at(child.location, `write { name = "Zlib", version = ">=1.2" }`, "%s has no name", child.path)
				}
			}
			if req.name.given() {
				*into = append(*into, req)
			}
		}
	}
}

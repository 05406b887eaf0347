package setup

import (
	"embed"
	"path/filepath"
	"strings"
)

// Module descriptions that come along. One of the same name in a folder that is
// searched replaces them.
//
//go:embed modules/*.toml
var builtinModules embed.FS

// builtinNames lists them.
func builtinNames() []string {
	entries, err := builtinModules.ReadDir("modules")
	if err != nil {
		panic(err) // embedded above
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".toml")
	}
	return names
}

// moduleFile is one <Name>.toml.
type moduleFile struct {
	doc           *document
	source        string // path for people, or "built-in"
	dir           string // what its relative paths are relative to
	name, version word
	library       library
	pkgConfig     []requirement
	dependencies  dependencies
}

// library is what a description says of a library that no .pc file describes.
type library struct {
	libNames, includeDirs, libDirs words
	linkFlags, defines, cxxFlags   words
	headers                        words // must be found: else the module is not there
	versionHeader, versionMacro    word  // where the version is read
}

// over lays a platform's table over the rest.
func (l library) over(base library) library {
	for _, p := range []struct{ from, to *words }{
		{&base.libNames, &l.libNames}, {&base.includeDirs, &l.includeDirs}, {&base.libDirs, &l.libDirs},
		{&base.linkFlags, &l.linkFlags}, {&base.defines, &l.defines}, {&base.cxxFlags, &l.cxxFlags}, {&base.headers, &l.headers},
	} {
		if !p.to.given() {
			*p.to = *p.from
		}
	}
	for _, p := range []struct{ from, to *word }{{&base.versionHeader, &l.versionHeader}, {&base.versionMacro, &l.versionMacro}} {
		if !p.to.given() {
			*p.to = *p.from
		}
	}
	return l
}

// readModule reads a description. Mistakes in it are reported with its own lines.
func readModule(d *document, goos string, ps *problems) *moduleFile {
	r := &projectReader{reader{ps}, platformOf(goos)}
	m := &moduleFile{doc: d}
	r.table(d.root(), fields{
		"module": func(n node) {
			r.table(n, fields{"name": r.word(&m.name, notEmpty), "version": r.word(&m.version, notEmpty)})
		},
		"library":      func(n node) { r.library(n, &m.library) },
		"package":      func(n node) { r.table(n, fields{"pkg_config": r.packages(&m.pkgConfig)}) },
		"dependencies": func(n node) { m.dependencies = r.dependencies(n) },
	})
	return m
}

// packages reads a list of packages, or the name of one.
func (r *projectReader) packages(into *[]requirement) func(node) {
	list := r.requirements(into)
	return func(n node) {
		if name, ok := n.value.(string); ok {
			var req requirement
			if r.word(&req.name, notEmpty, moduleName)(n); name != "" && req.name.given() {
				*into = append(*into, req)
			}
			return
		}
		list(n)
	}
}

func (r *projectReader) library(n node, into *library) {
	var here library
	known := r.libraryKeys(into)
	for platform := range platforms {
		own := &library{}
		if platform == r.platform {
			own = &here
		}
		known[platform] = func(n node) { r.table(n, r.libraryKeys(own)) }
	}
	r.table(n, known)
	*into = here.over(*into)
}

func (r *projectReader) libraryKeys(l *library) fields {
	return fields{
		"lib_names":      r.words(&l.libNames, notEmpty),
		"include_dirs":   r.words(&l.includeDirs, notEmpty, cleanPath),
		"lib_dirs":       r.words(&l.libDirs, notEmpty, cleanPath),
		"link_flags":     r.words(&l.linkFlags, notEmpty),
		"defines":        r.words(&l.defines, macro),
		"cxx_flags":      r.words(&l.cxxFlags, notEmpty, flagOnly),
		"headers":        r.words(&l.headers, notEmpty),
		"version_header": r.word(&l.versionHeader, notEmpty),
		"version_macro":  r.word(&l.versionMacro, notEmpty),
	}
}

// moduleStore finds descriptions by name.
type moduleStore struct {
	watcher
	root     string
	goos     string
	dirs     []string // searched in order, before what is built in
	problems *problems
	known    map[string]*moduleFile // nil = looked for and not there
	files    []string               // descriptions read, for people
}

// find returns the description of a module, nil if there is none. One that is not
// TOML is reported, and is there with nothing in it.
func (s *moduleStore) find(name string) *moduleFile {
	if m, ok := s.known[name]; ok {
		return m
	}
	m := s.load(name)
	s.known[name] = m
	return m
}

func (s *moduleStore) load(name string) *moduleFile {
	for i, dir := range s.dirs {
		file := filepath.Join(dir, name+".toml")
		if !s.isFile(file) {
			continue
		}
		shown := relative(s.root, file)
		s.files = append(s.files, shown)
		text, err := s.read(file)
		if err != nil {
			s.problems.at(location{doc: &document{name: shown}}, "", "cannot be read: %v", cause(err))
			return &moduleFile{source: shown}
		}
		m := s.parse(shown, string(text))
		m.source, m.dir = shown, dir
		if i == 0 { // the project's own speak of the project's folders
			m.dir = s.root
		}
		if m.name.given() && m.name.text != name {
			s.problems.at(m.name.location, "rename the file or the module", "module.name is %q in a file called %s.toml", m.name.text, name)
		}
		return m
	}
	text, err := builtinModules.ReadFile("modules/" + name + ".toml")
	if err != nil {
		return nil
	}
	m := s.parse("built-in "+name+".toml", string(text))
	m.source, m.dir = "built-in", s.root
	return m
}

func (s *moduleStore) parse(name, text string) *moduleFile {
	d := parseDocument(name, text, s.problems)
	if d == nil {
		return &moduleFile{doc: &document{name: name}}
	}
	return readModule(d, s.goos, s.problems)
}

// names lists all descriptions that can be found.
func (s *moduleStore) names() []string {
	all := map[string]bool{}
	for _, name := range builtinNames() {
		all[name] = true
	}
	for _, dir := range s.dirs {
		files, _ := listNames(dir, "*.toml")
		for _, f := range files {
			all[strings.TrimSuffix(f, ".toml")] = true
		}
	}
	return sortedKeys(all)
}

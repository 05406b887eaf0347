package compilation

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// The names that a compiler looked for and did not find are computed here, from where it searches and
// from what the files that it read ask for. This stands in for a trace of the
// compiler's system calls where there is none. It is careful rather than exact: a
// name that was never looked for may be listed, so that a file appearing there
// compiles once too often. What it cannot see is a name made by a macro in a way
// that scanText does not guess.

// searchPath is where a compiler looks for headers, in order, spelled as it prints
// them; see [parseSearchPath].
type searchPath struct {
	quote  []string // for "name" only, after the includer's own folder
	angle  []string // then these, for <name> too
	absent []string // folders it was told of that are not there
	// same are folders it leaves out because they are others of the list by another
	// path: a link that is turned may make them folders of their own.
	same []string
	// where is which folders the others were when the compiler said so.
	where []folderID
	// listings are the folders whose names it read to find others.
	listings []cache.Listing
}

func (s *searchPath) all() []string { return slices.Concat(s.quote, s.angle) }

// folderID says which folder a path led to.
type folderID struct {
	path     string
	dev, ino uint64
}

func identify(v *snapshot.Tree, path string) folderID {
	sig := v.Signature(path)
	return folderID{path, sig.Dev, sig.Ino}
}

// holds reports whether the compiler would still say the same.
func (s *searchPath) holds(v *snapshot.Tree) bool {
	return !slices.ContainsFunc(s.absent, func(dir string) bool { return v.Signature(dir).Exists() }) &&
		!slices.ContainsFunc(s.where, func(f folderID) bool { return identify(v, f.path) != f }) &&
		v.CompareListings(s.listings) == nil
}

// missSearch collects the misses of one compile.
type missSearch struct {
	view   *snapshot.Tree
	path   *searchPath
	since  int64    // ns; what changed later may have appeared during the compile
	forced []string // names of -include and -imacros
	gcc    bool

	misses  map[string]bool
	found   map[string]bool // files asked for by __has_include that are there
	folders map[string]bool // that lie where a file was looked for
	doubt   string          // what may have appeared during the compile
}

// source is a file that was read, with what its text says.
type source struct {
	path string
	*snapshot.Scan
}

// search computes which names a compile that read these files did not find.
func (m *missSearch) search(files []source) {
	m.misses, m.found, m.folders = make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, dir := range m.path.absent {
		m.absent(dir)
	}
	for _, name := range m.forced {
		m.searchForced(name)
	}
	var macros []string  // folders of files with an include of a macro
	var wrapped []string // folders of files that hide __has_include behind a macro
	for _, f := range files {
		if f.Macro {
			macros = append(macros, path.Dir(f.path))
		}
		if f.AskedBy {
			wrapped = append(wrapped, path.Dir(f.path))
		}
	}
	for _, f := range files {
		m.searchShadows(f.path, macros)
		m.searchNames(f, wrapped)
	}
}

// searchShadows adds the places where the compiler would have found another file
// instead of this one.
func (m *missSearch) searchShadows(file string, macros []string) {
	if m.gcc {
		m.absent(file + ".gch")
	}
	dirs := m.path.all()
	for i, dir := range dirs {
		name, ok := beneath(dir, file)
		if !ok {
			continue
		}
		for _, earlier := range slices.Concat(dirs[:i], macros) {
			m.absent(snapshot.Join(earlier, name))
			if m.gcc {
				m.absent(snapshot.Join(earlier, name) + ".gch")
			}
		}
		m.searchSame(name)
	}
}

// searchSame adds a name in the folders that were left out: those that are turned
// elsewhere one day may come first.
func (m *missSearch) searchSame(name string) {
	for _, dir := range m.path.same {
		p := snapshot.Join(dir, name)
		if m.view.Signature(p).IsRegular() {
			m.found[snapshot.Spell(m.view.Root, p)] = true
		}
		m.absent(p)
	}
}

// searchNames adds what the text of a file asks for.
func (m *missSearch) searchNames(f source, wrapped []string) {
	own := path.Dir(f.path)
	for _, name := range f.Quoted {
		m.absent(snapshot.Join(own, name))
	}
	for _, op := range f.Asked {
		m.resolve(own, op)
	}
	for _, dir := range wrapped {
		for _, op := range f.Guesses {
			m.resolve(dir, op)
			m.resolve(own, op)
		}
	}
}

// searchForced adds what -include looks for: the name in the working directory and
// then as a quoted one, a precompiled form of it first.
func (m *missSearch) searchForced(name string) {
	m.resolve(".", snapshot.HeaderName{Name: name, Quoted: true})
	for _, dir := range append([]string{"."}, m.path.all()...) {
		m.absent(snapshot.Join(dir, name) + ".gch")
		m.absent(snapshot.Join(dir, name) + ".pch")
	}
}

// resolve goes through the places of a name up to the one where it is.
func (m *missSearch) resolve(own string, op snapshot.HeaderName) {
	dirs := m.path.angle
	if op.Quoted {
		dirs = slices.Concat([]string{own}, m.path.quote, m.path.angle)
	}
	m.searchSame(op.Name)
	for _, dir := range dirs {
		p := snapshot.Join(dir, op.Name)
		if m.view.Signature(p).IsRegular() {
			m.found[p] = true
			return
		}
		m.absent(p)
	}
}

// absent adds a path if there is no file. A folder there is passed over by compilers,
// and must be noticed when it gives way to a file; when its own names change does not
// matter (stdio.h has "/tmp" in a macro, which looks like a name to search for).
func (m *missSearch) absent(p string) {
	p = snapshot.Spell(m.view.Root, p)
	if m.misses[p] {
		return
	}
	switch sig := m.view.Signature(p); {
	case !sig.Exists():
		m.misses[p] = true
	case sig.IsRegular() && m.view.Disks.Latest(m.view.Abs(p), sig) >= m.since:
		m.doubt = p
	case sig.IsDir():
		m.folders[p] = true
	}
}

// beneath returns what follows dir in file.
func beneath(dir, file string) (string, bool) {
	if dir == "." {
		return file, !filepath.IsAbs(file)
	}
	return strings.CutPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// parseSearchPath reads what "-E -v" printed.
func parseSearchPath(root, output string) (*searchPath, bool) {
	var s searchPath
	var into *[]string
	for _, line := range strings.Split(output, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if rest, ok := strings.CutPrefix(line, `ignoring nonexistent directory "`); ok {
			s.absent = append(s.absent, snapshot.Spell(root, strings.TrimSuffix(rest, `"`)))
			continue
		}
		if rest, ok := strings.CutPrefix(line, `ignoring duplicate directory "`); ok {
			s.same = append(s.same, snapshot.Spell(root, strings.TrimSuffix(rest, `"`)))
			continue
		}
		switch {
		case strings.HasPrefix(line, `#include "..." search starts here:`):
			into = &s.quote
		case strings.HasPrefix(line, "#include <...> search starts here:"):
			into = &s.angle
		case strings.HasPrefix(line, "End of search list."):
			return &s, true
		case into != nil && strings.HasPrefix(line, " "):
			dir := strings.TrimSuffix(line[1:], " (framework directory)")
			*into = append(*into, snapshot.Spell(root, dir))
		}
	}
	return nil, false
}

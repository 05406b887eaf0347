package discovery

import (
	"path"
	"path/filepath"
	"strings"
)

// dirNode is a folder as a record spells it, with everything that is expected of it.
// It need not exist. Two spellings of one folder are two nodes.
type dirNode struct {
	number uint32
	path   string // relative to the root ("" for the root itself) or absolute
	abs    string // for the system

	files    map[fileKey]*file
	missed   []uint32        // numbers of all names that must not be there, ascending
	present  map[uint32]name // those that are there all the same
	missing  []uint32        // expectations about them
	released int             // how many expectations went since missed was made
	branches []*branch       // listings that read its names
	emptied  signed          // the folder when its names were last compared with missed

	route   *route // how events reach it; nil: they do not
	traits  traits
	on      uint64 // the device that traits are of
	gone    bool   // nothing is expected of it any more
	touched bool   // it is in graph.touched
}

// name is the state of a missed name that is in its folder after all.
type name struct {
	since  uint64 // when it was first seen
	there  bool   // it can be opened; a link may lead nowhere
	linked bool   // it is a symbolic link
}

// fileKey names a file in its folder. The file that a path leads to and the path itself
// are two files: records may speak of either.
type fileKey struct {
	base string
	link bool // the path itself: a symbolic link is not followed
}

// file is a file that nodes read or made.
type file struct {
	fileKey
	number  uint32
	dir     *dirNode
	now     string   // packed signature when it was last looked at, "" before that
	content string   // of now; "" = not read, or not to be trusted
	expects []uint32 // expectations about it
	makers  int32    // how many of those are of nodes that made it
	loose   bool     // no event comes for each change of it

	changed  int64 // ctime (ns) at the last look
	writable bool  // this user may change it
	rank     int64 // in recent
	recentAt int   // where in recent it is, counted from 1; 0 = it is not

	route *route // of a symbolic link: where it leads
}

func (f *file) path() string { return f.dir.join(f.base) }
func (f *file) abs() string  { return f.dir.abs + "/" + f.base }

// ours reports whether a node makes the file: most changes of it are our own.
func (f *file) ours() bool { return f.makers > 0 }

func (p *dirNode) join(base string) string {
	switch {
	case p.path == "":
		return base
	case strings.HasSuffix(p.path, "/"):
		return p.path + base
	}
	return p.path + "/" + base
}

// shown is the folder as users know it.
func (p *dirNode) shown() string {
	if p.path == "" {
		return "."
	}
	return p.path
}

// empty reports whether nothing is expected of the folder.
func (p *dirNode) empty() bool {
	return len(p.files) == 0 && len(p.missing) == 0 && len(p.branches) == 0
}

// spell gives a path the form in which it is compared: forward slashes, relative
// where it lies beneath the root, no doubled slashes, no "." elements. ".." stays:
// a/../b is not b if a is a symbolic link.
func (g *graph) spell(p string) string {
	p = filepath.ToSlash(p)
	if strings.Contains(p, "//") || strings.Contains(p, "./") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/") {
		p = squeeze(p)
	}
	if p == g.root || p == "." {
		return ""
	}
	return strings.TrimPrefix(p, g.root+"/")
}

// squeeze drops empty and "." elements.
func squeeze(p string) string {
	parts := strings.Split(p, "/")
	out := parts[:0]
	for i, s := range parts {
		if s != "" && s != "." || i == 0 && s == "" {
			out = append(out, s)
		}
	}
	switch {
	case len(out) == 0:
		return ""
	case len(out) == 1 && out[0] == "":
		return "/"
	}
	return strings.Join(out, "/")
}

// split cuts a spelled path into the folder it is in and its name there. The root
// itself, and what ends in "..", has the name "." in itself.
func split(p string) (dir, base string) {
	if p == "" || p == "/" || p == ".." || strings.HasSuffix(p, "/..") {
		return p, "."
	}
	i := strings.LastIndexByte(p, '/')
	switch {
	case i < 0:
		return "", p
	case i == 0:
		return "/", p[1:]
	}
	return p[:i], p[i+1:]
}

// dirAt returns the node of a spelled folder, new if need be.
func (g *graph) dirAt(dir string) *dirNode {
	if p := g.dirByPath[dir]; p != nil {
		return p
	}
	p := &dirNode{number: uint32(len(g.dirs)), path: dir, abs: g.absolute(dir)}
	g.dirs = append(g.dirs, p)
	g.dirByPath[dir] = p
	return p
}

func (g *graph) absolute(p string) string {
	if path.IsAbs(p) || filepath.IsAbs(p) {
		return p
	}
	if p == "" {
		return g.root
	}
	return strings.TrimSuffix(g.root, "/") + "/" + p
}

// fileFor returns the file of a path, or the path itself, new if need be.
func (g *graph) fileFor(path string, link bool) *file {
	dir, base := split(g.spell(path))
	p, key := g.dirAt(dir), fileKey{base, link}
	if f := p.files[key]; f != nil {
		return f
	}
	f := &file{dir: p, fileKey: key}
	if n := len(g.freeFiles); n > 0 {
		f.number, g.freeFiles = g.freeFiles[n-1], g.freeFiles[:n-1]
		g.files[f.number] = f
	} else {
		f.number = uint32(len(g.files))
		g.files = append(g.files, f)
	}
	p.addFile(f)
	return f
}

func (p *dirNode) addFile(f *file) {
	if p.files == nil {
		p.files = map[fileKey]*file{}
	}
	p.files[f.fileKey] = f
}

// filesAt returns what was recorded of a name: the file that it leads to, the name
// itself, both or nothing.
func (p *dirNode) filesAt(base string) (out []*file) {
	for _, link := range []bool{false, true} {
		if f := p.files[fileKey{base, link}]; f != nil {
			out = append(out, f)
		}
	}
	return out
}

// knows reports whether something was recorded of the file at a path.
func (g *graph) knows(path string) bool {
	dir, base := split(g.spell(path))
	p := g.dirByPath[dir]
	return p != nil && len(p.filesAt(base)) > 0
}

func (g *graph) dropFile(f *file) {
	delete(f.dir.files, f.fileKey)
	g.files[f.number] = nil
	g.freeFiles = append(g.freeFiles, f.number)
}

// see takes what a look at a file showed: the packed signature. It reports whether
// the file is another than before.
func (g *graph) see(f *file, now []byte) bool {
	if string(now) == f.now {
		return false
	}
	f.now, f.content = string(now), ""
	for _, i := range f.expects {
		g.set(i, !g.expects[i].accepts(f.now))
	}
	return true
}

// disappoints reports whether an expectation of the file is not met.
func (g *graph) disappoints(f *file) bool {
	for _, i := range f.expects {
		if g.expects[i].broken {
			return true
		}
	}
	return false
}

// met tells whether the file has the wanted signature.
func (f *file) met(want string) func() bool { return func() bool { return f.now == want } }

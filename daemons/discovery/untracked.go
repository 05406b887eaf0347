package discovery

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"
)

// Hints are files of the project that no node has recorded, because the unit that will
// read them has never been compiled: they are in no answer, but a change of them is a
// reason to build again.

// maxHints is how many folders are watched for them: enough for the sources of a project,
// not for the packages that a package manager puts beside them.
const maxHints = 1024

// sourceLike are the extensions of files that are worth a build.
var sourceLike = func() map[string]bool {
	m := map[string]bool{}
	for _, ext := range strings.Fields(".c .cc .cpp .cxx .c++ .cppm .ixx .cu .m .mm .S .s .asm .h .hh .hpp .hxx .h++ .inc .inl .ipp .tcc .tpp .def .x .in .toml .map .ld") {
		m[ext] = true
	}
	return m
}()

// ignores reports whether a path that no node recorded triggers nothing.
func (s *Service) ignores(rel string) bool {
	base := path.Base(rel)
	for _, pattern := range s.ignored {
		if doublestar.MatchUnvalidated(pattern, base) || doublestar.MatchUnvalidated(pattern, rel) {
			return true
		}
	}
	return false
}

// ownFolder notes where outputs are: what happens there is our own doing.
func (s *Service) ownFolder(f *file) {
	top, _, below := strings.Cut(f.path(), "/")
	if below && top != "" && top != ".." {
		s.graph.own(top)
	}
}

func (g *graph) own(top string) {
	if g.owned == nil {
		g.owned = map[string]bool{"build": true}
	}
	g.owned[top] = true
}

// concealed reports whether a path beneath the root is hidden or in a folder of ours.
func (g *graph) concealed(rel string) bool {
	top, _, _ := strings.Cut(rel, "/")
	return g.owned[top] || top == "build" || strings.HasPrefix(rel, ".") || strings.Contains(rel, "/.")
}

// noteUntracked looks whether an event tells of a file that may be new to the project.
func (s *Service) noteUntracked(f *folder, base string, op fsnotify.Op) {
	rel, inside := strings.CutPrefix(f.under(base), s.graph.root+"/")
	if !inside || op&^fsnotify.Chmod == 0 || s.graph.concealed(rel) || s.ignores(rel) {
		return
	}
	if f.hint && op.Has(fsnotify.Create) && entryAt(f.under(base)).kind == directory {
		s.noteUntrackedAt(f.under(base), rel, true)
		return
	}
	if !sourceLike[path.Ext(base)] || s.recorded(f, base) {
		return
	}
	s.note(rel, false, 0)
}

// recorded reports whether a look has told already what changed.
func (s *Service) recorded(f *folder, base string) bool {
	for _, p := range f.dirs {
		if len(p.filesAt(base)) > 0 {
			return true
		}
	}
	return false
}

// walkUntracked watches the project's folders.
func (s *Service) walkUntracked() {
	s.hintsDue = false
	if s.watches != nil {
		s.noteUntrackedAt(s.graph.root, "", false)
	}
}

// noteUntrackedAt watches a folder and those in it; tell notes the files that are there.
func (s *Service) noteUntrackedAt(abs, rel string, tell bool) {
	w := s.watches
	if w.hints >= maxHints || w.full {
		return
	}
	f := w.folderAt(abs)
	if !w.watch(f) {
		w.tidy(f)
		return
	}
	if !f.hint {
		f.hint = true
		w.hints++
	}
	entries, _ := os.ReadDir(abs)
	for _, e := range entries {
		name := join(rel, e.Name())
		switch {
		case s.graph.concealed(name) || s.ignores(name):
		case e.IsDir():
			s.noteUntrackedAt(abs+"/"+e.Name(), name, tell)
		case tell && sourceLike[path.Ext(name)] && !s.recorded(f, e.Name()):
			s.note(name, false, 0)
		}
	}
}

// folderAt returns the folder of a path without symbolic links.
func (w *watches) folderAt(abs string) *folder {
	f := w.top
	for _, name := range elements(abs) {
		if name != "" {
			f = w.child(f, name)
		}
	}
	return f
}

// dropHints gives up the watches of folders that nothing recorded needs; it reports
// whether there were any.
func (w *watches) dropUntracked() bool {
	dropped := w.hints > 0
	w.hints = 0
	for _, f := range w.folders {
		if !f.hint {
			continue
		}
		f.hint = false
		if len(f.hooks) == 0 && len(f.dirs) == 0 && len(f.children) == 0 {
			w.unwatch(f)
		}
	}
	return dropped
}

// noticeRefusals tells once of each kind of folder that cannot be watched.
func (s *Service) noticeRefusals() {
	if s.watches == nil || !s.watches.refusal {
		return
	}
	s.watches.refusal = false
	var limit, remote, unreadable int
	var example string
	for _, f := range s.watches.folders {
		switch {
		case f.refused == nil || f.refused == errAlias || f.refused == errMoving:
		case f.refused == errRemote:
			remote++
		case exhausted(f.refused):
			limit++
		default:
			unreadable++
			example = fmt.Sprintf("%s: %v", f.path, f.refused)
		}
	}
	if limit > 0 {
		s.warn("limit", "warning",
			fmt.Sprintf("cannot watch %d of %d folders (%s): what is in them is looked at by each build", limit, len(s.watches.folders), watchLimits()),
			"raise the limit: sysctl fs.inotify.max_user_watches=524288")
	}
	if remote > 0 {
		s.warn("remote", "info",
			fmt.Sprintf("%d of %d folders are on file systems that do not tell of changes: what is in them is looked at by each build", remote, len(s.watches.folders)),
			"keep sources and build folder on a local disk")
	}
	if unreadable > 0 {
		s.warn("unreadable", "warning",
			fmt.Sprintf("cannot watch %d folders (%s): what is in them is looked at by each build", unreadable, example), "")
	}
}

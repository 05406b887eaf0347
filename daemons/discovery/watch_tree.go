package discovery

import (
	"errors"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// folder is a real folder, by its path without symbolic links, that some recorded
// path leads through or to.
type folder struct {
	path     string
	parent   *folder // nil for "/"
	name     string
	children map[string]*folder
	hooks    map[string][]*route // by entry: who has to be led anew when it changes
	dirs     []*dirNode          // whose folder it is

	id      fileID
	watched bool
	refused error // why it cannot be watched
	traits  traits
	hint    bool // watched for files that no record has yet
}

type fileID struct{ dev, ino uint64 }

// entry is what a folder has under a name.
type entry struct {
	kind   entryKind
	id     fileID
	target string // of a link
}

type entryKind uint8

const (
	absent entryKind = iota
	directory
	link
	other
	closed // cannot be told
)

// route is the way from "/" to a recorded folder, or from there to what a file that
// is a symbolic link leads to: every entry on it is in a watched folder, or the
// route is not sure.
type route struct {
	dir  *dirNode
	file *file // nil: the route is the folder's
	hops []hop
	end  *folder // nil: there is no such folder
	sure bool
}

type hop struct {
	in   *folder
	name string
}

// Why a folder is not watched.
var (
	errRemote = errors.New("its file system does not tell of changes")
	errAlias  = errors.New("it is the same as another folder (a bind mount)")
	errMoving = errors.New("it was replaced while it was looked at")
)

// watches are the watched folders.
type watches struct {
	notify  *fsnotify.Watcher
	add     func(dir string) error
	top     *folder
	folders map[string]*folder
	byID    map[fileID]*folder
	lost    []*route // led through a folder whose watch was lost
	hints   int      // folders watched for new files only
	full    bool     // the user's limit of watches was met
	refusal bool     // a folder was refused since the user was told
}

func newWatches(wrap func(*fsnotify.Watcher) func(string) error) (*watches, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watches{notify: n, add: n.Add, folders: map[string]*folder{}, byID: map[fileID]*folder{}}
	if wrap != nil {
		w.add = wrap(n)
	}
	w.top = &folder{path: "/"}
	w.folders["/"] = w.top
	return w, nil
}

// maxLinks is how many symbolic links a path may lead through, as the kernel has it.
const maxLinks = 40

// lead leads a route from a folder over the elements of a path, watching each folder
// before it is looked into. Links are followed, the last element's too; it ends where
// there is no folder to go on in.
func (w *watches) lead(r *route, from *folder, elements []string) {
	w.unhook(r)
	at, links := from, 0
	r.sure, r.end = true, nil
	todo := slices.Clone(elements)
	slices.Reverse(todo)
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch name {
		case "", ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		if !w.watch(at) {
			r.sure = false
		}
		w.hook(r, at, name)
		e := entryAt(at.under(name))
		switch {
		case e.kind == directory:
			at = w.child(at, name)
		case e.kind == link && links < maxLinks:
			links++
			target := strings.Split(e.target, "/")
			slices.Reverse(target)
			todo = append(todo, target...)
			if strings.HasPrefix(e.target, "/") {
				at = w.top
			}
		default:
			r.sure = r.sure && e.kind != closed
			return
		}
	}
	if !w.watch(at) {
		r.sure = false
	}
	r.end = at
}

// under returns the path of an entry.
func (f *folder) under(name string) string {
	if f.parent == nil {
		return "/" + name
	}
	return f.path + "/" + name
}

func (w *watches) child(f *folder, name string) *folder {
	if c := f.children[name]; c != nil {
		return c
	}
	c := &folder{path: f.under(name), parent: f, name: name}
	if f.children == nil {
		f.children = map[string]*folder{}
	}
	f.children[name] = c
	w.folders[c.path] = c
	return c
}

func (w *watches) hook(r *route, f *folder, name string) {
	if slices.Contains(f.hooks[name], r) {
		return
	}
	if f.hooks == nil {
		f.hooks = map[string][]*route{}
	}
	f.hooks[name] = append(f.hooks[name], r)
	r.hops = append(r.hops, hop{f, name})
}

// unhook takes a route off its folders; those that no route needs any more
// stay watched until tidy.
func (w *watches) unhook(r *route) {
	for _, h := range r.hops {
		left := slices.DeleteFunc(h.in.hooks[h.name], func(x *route) bool { return x == r })
		if len(left) > 0 {
			h.in.hooks[h.name] = left
		} else {
			delete(h.in.hooks, h.name)
		}
	}
	r.hops = r.hops[:0]
	if r.end != nil && r.file == nil {
		r.end.dirs = slices.DeleteFunc(r.end.dirs, func(p *dirNode) bool { return p == r.dir })
	}
	r.end = nil
}

// watch makes sure that events of a folder's names come from now on.
func (w *watches) watch(f *folder) bool {
	if f.watched || f.refused != nil {
		return f.watched
	}
	f.traits = traitsOf(f.path)
	if !f.traits.local && !f.traits.layered {
		f.refused, w.refusal = errRemote, true
		return false
	}
	e := entryAt(f.path)
	if e.kind != directory {
		return false // its parent's next event says so
	}
	if o := w.byID[e.id]; o != nil && o != f {
		if is := entryAt(o.path); is.kind == directory && is.id == e.id {
			f.refused = errAlias
			return false
		}
		w.lose(o)
	}
	if f.refused = w.addWatch(f.path); f.refused != nil {
		w.refusal = true
		return false
	}
	if now := entryAt(f.path); now.kind != directory || now.id != e.id {
		w.notify.Remove(f.path)
		f.refused = errMoving
		return false
	}
	f.watched, f.id = true, e.id
	w.byID[e.id] = f
	return true
}

// addWatch gives up the watches for new files when there are too few for known ones.
func (w *watches) addWatch(path string) error {
	err := w.add(path)
	if err == nil || !exhausted(err) {
		return err
	}
	w.full = true
	if !w.dropUntracked() {
		return err
	}
	return w.add(path)
}

// unwatch ends a folder's watch.
func (w *watches) unwatch(f *folder) {
	f.refused = nil
	if !f.watched {
		return
	}
	f.watched = false
	w.notify.Remove(f.path) // fails if the kernel was faster, which is as good
	if w.byID[f.id] == f {
		delete(w.byID, f.id)
	}
}

// lose notes that a folder is not where it was: what was watched through it is to be
// watched anew.
func (w *watches) lose(f *folder) {
	w.shed(f)
	if f.parent != nil {
		w.lost = append(w.lost, f.parent.hooks[f.name]...)
	}
}

// shed ends the watches of a folder that was moved or replaced, and of all beneath
// it: their paths are other folders' now.
func (w *watches) shed(f *folder) {
	w.unwatch(f)
	if f.hint {
		f.hint = false
		w.hints--
	}
	for _, c := range f.children {
		w.shed(c)
	}
}

// tidy ends the watches of folders that nothing leads through any more.
func (w *watches) tidy(f *folder) {
	for f.parent != nil && !f.hint && len(f.children) == 0 && len(f.hooks) == 0 && len(f.dirs) == 0 {
		w.unwatch(f)
		delete(f.parent.children, f.name)
		delete(w.folders, f.path)
		f = f.parent
	}
}

// tidyAll is tidy for a route that was given up or led elsewhere.
func (w *watches) tidyAll(hops []hop, end *folder) {
	if end != nil {
		w.tidy(end)
	}
	for _, h := range slices.Backward(hops) {
		w.tidy(h.in)
	}
}

// sweep is tidy for a whole subtree.
func (w *watches) sweep(f *folder) {
	for _, c := range f.children {
		w.sweep(c)
	}
	w.tidy(f)
}

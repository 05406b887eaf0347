package discovery

import (
	"container/heap"
	"context"
	"slices"
	"strings"
)

// Some changes make no event in the folder of a file: what is written through a mapping
// while it lives, a hard link that is made in an unwatched folder, and what is written
// through that link afterwards. stat shows all of them. So each Sync also looks at the
// watched files that are most likely to change in such a way: those that this user can
// write, the most recently changed first.

// maxRecent is the number of these files: enough for a project like LevelDB. A stat costs
// some 2 us, so they cost a Sync half a millisecond at most (BenchmarkSync), however large
// the project is. Opening each folder once did not help: the files lie in too many folders.
const maxRecent = 256

// systemDirs hold what a package manager writes.
var systemDirs = []string{"/usr/", "/lib", "/bin/", "/sbin/"}

// recent are the files that each Sync looks at. They are a heap: the first one has the
// least rank.
type recent []*file

func (r recent) Len() int           { return len(r) }
func (r recent) Less(i, j int) bool { return r[i].rank < r[j].rank }

func (r recent) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].recentAt, r[j].recentAt = i+1, j+1
}

// Push implements [heap.Interface].
func (r *recent) Push(x any) {
	f := x.(*file)
	*r = append(*r, f)
	f.recentAt = len(*r)
}

// Pop implements [heap.Interface].
func (r *recent) Pop() any {
	last := len(*r) - 1
	f := (*r)[last]
	*r, f.recentAt = (*r)[:last], 0
	return f
}

// outputsLast puts files that nodes made behind all others.
const outputsLast = int64(1) << 62

// offer takes a file in, moves it, or takes it out, after a look at it.
func (r *recent) offer(f *file) {
	f.rank = f.changed
	if f.ours() {
		f.rank -= outputsLast
	}
	switch {
	case f.loose || !f.writable || len(f.expects) == 0 || f.dir.isOfSystem():
		r.remove(f)
	case f.recentAt > 0:
		heap.Fix(r, f.recentAt-1)
	case len(*r) < maxRecent:
		heap.Push(r, f)
	case f.rank > (*r)[0].rank:
		heap.Pop(r)
		heap.Push(r, f)
	}
}

func (r *recent) remove(f *file) {
	if f.recentAt > 0 {
		heap.Remove(r, f.recentAt-1)
	}
}

// clear takes all files out.
func (r *recent) clear() {
	for _, f := range *r {
		f.recentAt = 0
	}
	*r = nil
}

func (p *dirNode) isOfSystem() bool {
	return slices.ContainsFunc(systemDirs, func(dir string) bool { return strings.HasPrefix(p.abs+"/", dir) })
}

// glance is a look at the recent files without the lock.
type glance struct {
	files  []*file
	sights []fileStat
}

// glanceAtRecent looks at the files that are most likely to have changed without an event.
// A Sync does it while it waits for its cookie.
func (s *Service) glanceAtRecent(ctx context.Context) glance {
	if s.enter(ctx) != nil {
		return glance{}
	}
	g := glance{files: slices.Clone(s.recent)}
	s.unlock()
	g.sights = make([]fileStat, len(g.files))
	for i, f := range g.files {
		g.sights[i] = statFile(f.dir.abs, f.fileKey)
	}
	s.counts.looks.Add(uint64(len(g.files)))
	return g
}

// takeGlance looks again at the files that differ from what is known, because an event
// may have told of a later change meanwhile. The others need no update: a new link, owner
// or mode changes the signature, too.
func (s *Service) takeGlance(g glance) {
	for i, f := range g.files {
		if f.recentAt > 0 && !f.shows(g.sights[i]) {
			s.lookAt(f)
		}
	}
}

// shows reports whether a look at a file showed what the last one did.
func (f *file) shows(now fileStat) bool {
	var buf [maxSignature]byte
	return string(appendSignature(buf[:0], now.sig)) == f.now
}

package discovery

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// follow digests events until the service ends. Each is digested, with every look
// that it asks for, before the next one is read: a cookie proves that. Between bursts
// they may gather, see [Service.coalesce].
func (s *Service) follow() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		s.acquire()
		var events <-chan fsnotify.Event
		var failures <-chan error
		if s.hintsDue {
			s.walkUntracked()
		}
		if s.watches != nil {
			events, failures = s.watches.notify.Events, s.watches.notify.Errors
		}
		s.unlock()
		if !s.followOne(events, failures, timer) {
			return
		}
	}
}

// followOne handles what comes from one watcher, until there is another or the
// service ends (false).
func (s *Service) followOne(events <-chan fsnotify.Event, failures <-chan error, timer *time.Timer) bool {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return s.ctx.Err() == nil
			}
			for ; ok; e, ok = ready(events) {
				s.counts.events.Add(1)
				s.acquire()
				s.digest(e)
				s.unlock()
			}
			s.coalesce()
		case err, ok := <-failures:
			if !ok {
				return s.ctx.Err() == nil
			}
			s.doubt(err)
		case <-s.wake:
			timer.Reset(s.publishIn())
		case <-timer.C:
			s.publish()
			if events == nil {
				return true // there may be a watcher now
			}
		case <-s.ctx.Done():
			return false
		}
	}
}

// doubt handles an error of the watcher: events were lost, or may have been.
func (s *Service) doubt(err error) {
	s.acquire()
	defer s.unlock()
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		s.counts.overflows.Add(1)
	}
	s.log.Warn("events were lost; looking at every file", "error", err)
	s.rescan()
}

// splitEvent cuts a path into its folder and its name there; fsnotify reports the
// entries of "/" with two slashes.
func splitEvent(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	dir, base = path[:max(i, 0)], path[i+1:]
	if dir == "" {
		dir = "/"
	}
	return dir, base
}

// structural are the operations that can change what a name leads to.
const structural = fsnotify.Create | fsnotify.Remove | fsnotify.Rename | fsnotify.Chmod

// digest takes one event as a hint where to look.
func (s *Service) digest(e fsnotify.Event) {
	dir, base := splitEvent(e.Name)
	w := s.watches
	if w == nil || base == "" {
		return
	}
	f := w.folders[dir]
	if f == nil {
		return
	}
	if s.cookies.dir != nil && slices.Contains(f.dirs, s.cookies.dir) {
		s.cookies.arrive(base)
	}
	var shed *folder
	if child := f.children[base]; child != nil && e.Op&(fsnotify.Create|fsnotify.Remove|fsnotify.Rename) != 0 {
		w.shed(child)
		shed = child
	}
	if e.Op&structural != 0 || len(f.hooks[base]) > 0 {
		s.leadHooked(f, base)
	}
	for _, p := range slices.Clone(f.dirs) {
		s.lookInto(p, base, e.Op)
	}
	for len(w.lost) > 0 && s.watches == w {
		r := w.lost[0]
		w.lost = w.lost[1:]
		s.rewatch(r)
	}
	if shed != nil {
		w.sweep(shed)
	}
	s.noteUntracked(f, base, e.Op)
}

// leadHooked leads every route through an entry anew.
func (s *Service) leadHooked(f *folder, base string) {
	routes := slices.Clone(f.hooks[base])
	if f.traits.caseless {
		routes = nil
		for _, r := range f.hooks {
			routes = append(routes, r...)
		}
	}
	for _, r := range routes {
		s.rewatch(r)
	}
}

// lookInto looks at what is recorded of one name in a folder.
func (s *Service) lookInto(p *dirNode, base string, op fsnotify.Op) {
	if p.gone || p == s.cookies.dir {
		return
	}
	for _, f := range p.filesAt(".") {
		s.lookAt(f)
	}
	if p.route.end.traits.caseless {
		s.scan([]*dirNode{p})
		return
	}
	for _, f := range p.filesAt(base) {
		s.lookAt(f)
	}
	if n, known := s.graph.nameOf[base]; known && p.misses(n) {
		s.findBase(p, n)
		s.noteCoverage(p)
	}
	if op&structural == 0 {
		return
	}
	for _, b := range p.branches {
		b.stale = b.stale || b.minds(base)
	}
	s.scanBranches(p, false)
}

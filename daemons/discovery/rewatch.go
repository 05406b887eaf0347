package discovery

import (
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// elements takes an absolute path apart.
func elements(abs string) []string { return strings.Split(strings.TrimPrefix(abs, "/"), "/") }

// lead watches every folder on the way to a folder.
func (s *Service) lead(p *dirNode) {
	if s.watches == nil {
		return
	}
	if p.route == nil {
		p.route = &route{dir: p}
	}
	hops, end := slices.Clone(p.route.hops), p.route.end
	s.watches.lead(p.route, s.watches.top, elements(p.abs))
	if to := p.route.end; to != nil {
		to.dirs = append(to.dirs, p)
	}
	p.on = 0
	p.emptied = signed{}
	s.watches.tidyAll(hops, end)
	s.noteCoverage(p)
}

// leadLink watches what a file that is a symbolic link leads through, and gives up
// the route of one that is no link any more. It reports whether there is a new route.
func (s *Service) leadLink(f *file, linked bool) bool {
	switch {
	case !linked && f.route != nil:
		s.giveUp(f.route)
		f.route = nil
	case linked && f.route == nil && f.dir.route != nil && f.dir.route.end != nil && f.base != ".":
		f.route = &route{dir: f.dir, file: f}
		s.watches.lead(f.route, f.dir.route.end, []string{f.base})
		return true
	}
	return false
}

// rewatch leads a route again after an entry on it changed, and looks at what is at
// its end.
func (s *Service) rewatch(r *route) {
	if r.file == nil {
		s.rewatchDir(r.dir)
		return
	}
	f, from := r.file, r.file.dir.route
	if f.route != r || from == nil || from.end == nil {
		return // the folder's own route changed as well
	}
	hops, end := slices.Clone(r.hops), r.end
	s.watches.lead(r, from.end, []string{f.base})
	s.watches.tidyAll(hops, end)
	s.lookAt(f)
}

// rewatchDir drops the routes of links too: they begin at the folder.
func (s *Service) rewatchDir(p *dirNode) {
	if p == s.cookies.dir {
		s.routeCookies()
		return
	}
	if p.gone {
		return
	}
	s.lead(p)
	for _, f := range p.files {
		if f.route != nil {
			s.giveUp(f.route)
			f.route = nil
		}
	}
	s.scan([]*dirNode{p})
}

func (s *Service) giveUp(r *route) {
	if s.watches == nil || r == nil {
		return
	}
	hops, end := slices.Clone(r.hops), r.end
	s.watches.unhook(r)
	s.watches.tidyAll(hops, end)
}

// leave forgets a folder without expectations.
func (s *Service) leave(p *dirNode) {
	if p.gone || !p.empty() {
		return
	}
	p.gone = true
	s.giveUp(p.route)
	p.route = nil
	delete(s.looseAt, p)
	delete(s.graph.dirByPath, p.path)
	s.graph.dirs[p.number] = nil
	p.missed, p.present = nil, nil
}

// release forgets what no node expects any more.
func (s *Service) release() {
	files, dirs, listings := s.graph.release()
	for _, f := range files {
		delete(s.loose, f)
		s.recent.remove(f)
		s.giveUp(f.route)
		f.route = nil
	}
	for _, l := range listings {
		if len(l.expects) > 0 {
			continue
		}
		left := []*dirNode{l.dir}
		for _, b := range l.branches {
			left = append(left, l.prune(b.rel)...)
		}
		dirs = append(dirs, left...)
		s.graph.listings[l.number] = nil
	}
	for _, p := range dirs {
		if !p.gone {
			p.trim(s.graph)
			s.leave(p)
		}
	}
}

// routeAll leads every route, as far as there are events.
func (s *Service) routeAll() {
	if s.watches == nil {
		for _, p := range s.graph.dirByPath {
			s.looseAt[p] = struct{}{}
		}
		return
	}
	for _, p := range s.graph.dirByPath {
		s.lead(p)
	}
}

// rewatchAll makes a new watcher, which knows nothing of the old one.
func (s *Service) rewatchAll() {
	if s.watches != nil {
		s.watches.notify.Close()
		s.watches = nil
	}
	clear(s.loose)
	clear(s.looseAt)
	s.recent.clear()
	for _, p := range s.graph.dirByPath {
		p.route = nil
		for _, f := range p.files {
			f.route, f.loose = nil, false
		}
	}
	w, err := newWatches(s.cfg.wrapAdd)
	if err != nil {
		s.warn("watcher", "warning", "cannot watch files ("+err.Error()+"): each build looks at every file, and changes are noticed by polling",
			"raise the limits: "+watchLimits())
		return
	}
	s.watches = w
}

// rescan forgets what events said and looks at everything.
func (s *Service) rescan() int {
	s.counts.rescans.Add(1)
	if s.cfg.Watch && eventsTrusted {
		s.rewatchAll()
		if s.cookies.dir != nil {
			s.cookies.dir.route = nil
			s.routeCookies()
		}
	}
	s.routeAll()
	n := s.scanAll()
	s.finishScan()
	s.hintsDue = s.watches != nil
	s.poke()
	return n
}

// warn publishes a notice once for its kind; the caller holds the lock.
func (s *Service) warn(kind, level, message, hint string) {
	if s.warned[kind] {
		return
	}
	s.warned[kind] = true
	s.log.Warn(message, "hint", hint)
	s.pending.notices = append(s.pending.notices, ipc.Notice{Level: level, Message: message, Hint: hint})
	s.poke()
}

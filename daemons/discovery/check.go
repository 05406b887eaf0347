package discovery

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// glimpse is what a look at a place shows: system calls only, so that many can run
// at a time.
type glimpse struct {
	place   *place
	files   []*file
	sights  []sight
	missed  []uint32 // names that were looked for
	found   []sight  // what they showed
	emptied signed
}

// parallelFrom is how many looks are worth a second core.
const parallelFrom = 512

// checkAll looks at everything that was recorded, and returns how many files.
func (s *Service) checkAll() int {
	places := make([]*place, 0, len(s.graph.placeOf))
	for _, p := range s.graph.placeOf {
		places = append(places, p)
	}
	return s.check(places)
}

// check looks at everything at some places, and returns how many files it looked at.
func (s *Service) check(places []*place) int {
	glimpses := make([]glimpse, len(places))
	workers, looks := 1, 0
	for _, p := range places {
		looks += len(p.files) + len(p.present) + 1
	}
	if looks >= parallelFrom {
		workers = min(runtime.GOMAXPROCS(0), len(places))
	}
	each(len(places), workers, func(i int) { glimpses[i] = s.graph.glimpse(places[i]) })
	n := 0
	for i := range glimpses {
		n += s.take(&glimpses[i])
	}
	for _, p := range places {
		s.scanBranches(p, true)
	}
	s.counts.looks.Add(uint64(n))
	return n
}

// each calls fn for the numbers below n, several at a time.
func each(n, workers int, fn func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			fn(int(i))
		}
	}
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// glimpse changes nothing but what p knows of its file system.
func (g *graph) glimpse(p *place) glimpse {
	out := glimpse{place: p}
	keys := make([]fileKey, 0, len(p.files))
	out.files = make([]*file, 0, len(p.files))
	for key, f := range p.files {
		keys, out.files = append(keys, key), append(out.files, f)
	}
	if len(keys) > 0 {
		out.sights = lookIn(p.abs, keys)
	}
	g.search(p, &out)
	return out
}

// few is how many names are looked for one by one; more are found by reading the
// folder.
const few = 8

// search looks whether missed names are there.
func (g *graph) search(p *place, out *glimpse) {
	if len(p.missed) == 0 {
		return
	}
	now := g.signFolder(p)
	out.emptied = now
	candidates := g.candidates(p, now)
	for n := range p.present {
		candidates = append(candidates, n)
	}
	for _, n := range candidates {
		out.missed = append(out.missed, n)
		out.found = append(out.found, look(p.abs, fileKey{base: g.names[n]}))
	}
}

// candidates are the missed names that may be there now and were not before.
func (g *graph) candidates(p *place, now signed) (numbers []uint32) {
	switch {
	case !now.sig.IsDir() || p.emptied.same(now) && !p.traits.caseless:
		return nil
	case len(p.missed) <= few || p.traits.caseless:
		return append(numbers, p.missed...)
	}
	d, err := os.Open(p.abs)
	if err != nil {
		return append(numbers, p.missed...)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return append(numbers, p.missed...)
	}
	for _, base := range names {
		if n, known := g.nameOf[base]; known && p.misses(n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// take brings the graph up to date with a glimpse.
func (s *Service) take(o *glimpse) int {
	for i, f := range o.files {
		s.see(f, o.sights[i])
	}
	for i, n := range o.missed {
		s.find(o.place, n, o.found[i])
	}
	if len(o.place.missed) > 0 {
		o.place.emptied = o.emptied
	}
	s.vouch(o.place)
	return len(o.files) + len(o.missed)
}

// lookAt looks at one file.
func (s *Service) lookAt(f *file) {
	s.counts.looks.Add(1)
	s.see(f, look(f.place.abs, f.fileKey))
}

// see takes what a look at a file showed.
func (s *Service) see(f *file, now sight) {
	var buf [maxSignature]byte
	first := f.now == ""
	switch changed := s.graph.see(f, appendSignature(buf[:0], now.sig)); {
	case changed && !first:
		s.note(f.path(), f.ours(), now.sig.Ctime)
	case changed && s.graph.disappoints(f):
		s.newest = max(s.newest, now.sig.Ctime)
	}
	f.changed, f.writable = now.sig.Ctime, now.writable
	if s.watches == nil {
		return
	}
	if s.leadLink(f, now.linked) {
		s.lookAt(f) // what it leads to may have changed before it was watched
		return
	}
	sure := now.plain() && f.base != "." && (f.route != nil || !now.linked) && !s.mounts.on(f)
	if f.route != nil {
		sure = sure && f.route.vouches()
	}
	s.setLoose(f, !sure)
	s.recent.offer(f)
}

// find takes what a look at a missed name showed.
func (s *Service) find(p *place, n uint32, now sight) {
	if s.graph.find(p, n, now) {
		base := s.graph.names[n]
		f := p.files[fileKey{base: base}]
		s.note(p.join(base), f != nil && f.ours(), now.sig.Ctime)
	}
}

// findBase is find for one name by a look of its own.
func (s *Service) findBase(p *place, n uint32) {
	s.counts.looks.Add(1)
	s.find(p, n, look(p.abs, fileKey{base: s.graph.names[n]}))
}

func (s *Service) setLoose(f *file, loose bool) {
	if f.loose == loose {
		return
	}
	f.loose = loose
	if loose {
		s.loose[f] = struct{}{}
	} else {
		delete(s.loose, f)
	}
}

// vouch decides whether events vouch for a place.
func (s *Service) vouch(p *place) {
	if s.watches != nil && p.vouched() {
		delete(s.looseAt, p)
	} else {
		s.looseAt[p] = struct{}{}
	}
}

// vouched reports whether an event comes for every change of the names in a place.
func (p *place) vouched() bool { return p.route != nil && p.route.vouches() && !p.leadsAway() }

// vouches reports whether events tell of every change along the route, and, if it
// has an end, of the files there.
func (r *route) vouches() bool {
	if !r.sure {
		return false
	}
	if r.end != nil {
		return r.end.traits.local
	}
	return len(r.hops) > 0 && (r.file == nil || r.hops[len(r.hops)-1].in.traits.local)
}

// checkLoose looks at everything that events do not vouch for.
func (s *Service) checkLoose() int {
	n := 0
	if len(s.looseAt) > 0 {
		places := make([]*place, 0, len(s.looseAt))
		for p := range s.looseAt {
			places = append(places, p)
		}
		n += s.check(places)
	}
	if len(s.loose) == 0 {
		return n
	}
	files := make([]*file, 0, len(s.loose))
	for f := range s.loose {
		if _, done := s.looseAt[f.place]; !done {
			files = append(files, f)
		}
	}
	for _, f := range files {
		s.lookAt(f)
	}
	return n + len(files)
}

// scanBranches reads the folders of listings at a place: all, or those of which an
// event told.
func (s *Service) scanBranches(p *place, all bool) {
	for _, b := range slices.Clone(p.branches) {
		if (all || b.stale) && b.listing.branches[b.rel] == b {
			s.scanBranch(b)
		}
	}
}

// scanBranch reads a folder of a listing and those beneath it that came.
func (s *Service) scanBranch(b *branch) {
	first := b.listing.digest == ""
	names, came, went := b.scan(s.graph.signFolder(b.place))
	for _, rel := range names {
		if !first && !s.ignores(b.listing.place.join(rel)) {
			s.note(b.listing.place.join(rel), false, b.read.sig.Ctime)
		}
	}
	for _, d := range went {
		for _, p := range b.listing.prune(join(b.rel, d)) {
			s.leave(p)
		}
	}
	for _, d := range came {
		child := s.graph.grow(b.listing, join(b.rel, d))
		if child.place.route == nil {
			s.lead(child.place)
		}
		s.vouch(child.place)
		s.scanBranch(child)
	}
}

// settle finishes what looks have put off.
func (s *Service) settle() {
	s.graph.settle()
	for _, l := range s.graph.listings {
		if l != nil && l.changed {
			s.graph.summarize(l)
		}
	}
}

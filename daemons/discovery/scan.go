package discovery

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// dirScan is what a look at a folder shows: system calls only, so that many can run
// at a time.
type dirScan struct {
	dir     *dirNode
	files   []*file
	stats   []fileStat
	missed  []uint32   // names that were looked for
	found   []fileStat // what they showed
	emptied signed
}

// parallelFrom is the number of looks from which a second core saves time.
const parallelFrom = 512

// scanAll looks at everything that was recorded, and returns how many files.
func (s *Service) scanAll() int {
	dirs := make([]*dirNode, 0, len(s.graph.dirByPath))
	for _, p := range s.graph.dirByPath {
		dirs = append(dirs, p)
	}
	return s.scan(dirs)
}

// scan looks at everything in some folders, and returns how many files it looked at.
func (s *Service) scan(dirs []*dirNode) int {
	scans := make([]dirScan, len(dirs))
	workers, looks := 1, 0
	for _, p := range dirs {
		looks += len(p.files) + len(p.present) + 1
	}
	if looks >= parallelFrom {
		workers = min(runtime.GOMAXPROCS(0), len(dirs))
	}
	each(len(dirs), workers, func(i int) { scans[i] = s.graph.scanDir(dirs[i]) })
	n := 0
	for i := range scans {
		n += s.take(&scans[i])
	}
	for _, p := range dirs {
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

// scanDir changes nothing but what p knows of its file system.
func (g *graph) scanDir(p *dirNode) dirScan {
	out := dirScan{dir: p}
	keys := make([]fileKey, 0, len(p.files))
	out.files = make([]*file, 0, len(p.files))
	for key, f := range p.files {
		keys, out.files = append(keys, key), append(out.files, f)
	}
	if len(keys) > 0 {
		out.stats = statFiles(p.abs, keys)
	}
	g.search(p, &out)
	return out
}

// few is how many names are looked for one by one; more are found by reading the
// folder.
const few = 8

// search looks whether missed names are there.
func (g *graph) search(p *dirNode, out *dirScan) {
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
		out.found = append(out.found, statFile(p.abs, fileKey{base: g.names[n]}))
	}
}

// candidates are the missed names that may be there now and were not before.
func (g *graph) candidates(p *dirNode, now signed) (numbers []uint32) {
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

// take brings the graph up to date with a scan.
func (s *Service) take(o *dirScan) int {
	for i, f := range o.files {
		s.see(f, o.stats[i])
	}
	for i, n := range o.missed {
		s.find(o.dir, n, o.found[i])
	}
	if len(o.dir.missed) > 0 {
		o.dir.emptied = o.emptied
	}
	s.noteCoverage(o.dir)
	return len(o.files) + len(o.missed)
}

// lookAt looks at one file.
func (s *Service) lookAt(f *file) {
	s.counts.looks.Add(1)
	s.see(f, statFile(f.dir.abs, f.fileKey))
}

// see takes what a look at a file showed.
func (s *Service) see(f *file, now fileStat) {
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
		sure = sure && f.route.covers()
	}
	s.setLoose(f, !sure)
	s.recent.offer(f)
}

// find takes what a look at a missed name showed.
func (s *Service) find(p *dirNode, n uint32, now fileStat) {
	if s.graph.find(p, n, now) {
		base := s.graph.names[n]
		f := p.files[fileKey{base: base}]
		s.note(p.join(base), f != nil && f.ours(), now.sig.Ctime)
	}
}

// findBase is find for one name by a look of its own.
func (s *Service) findBase(p *dirNode, n uint32) {
	s.counts.looks.Add(1)
	s.find(p, n, statFile(p.abs, fileKey{base: s.graph.names[n]}))
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

// noteCoverage decides whether events cover a folder.
func (s *Service) noteCoverage(p *dirNode) {
	if s.watches != nil && p.covered() {
		delete(s.looseAt, p)
	} else {
		s.looseAt[p] = struct{}{}
	}
}

// covered reports whether an event comes for every change of the names in a folder.
func (p *dirNode) covered() bool { return p.route != nil && p.route.covers() && !p.leadsAway() }

// covers reports whether an event comes for every change along the route, and, if it
// has an end, of the files there.
func (r *route) covers() bool {
	if !r.sure {
		return false
	}
	if r.end != nil {
		return r.end.traits.local
	}
	return len(r.hops) > 0 && (r.file == nil || r.hops[len(r.hops)-1].in.traits.local)
}

// scanUncovered looks at everything that events do not cover.
func (s *Service) scanUncovered() int {
	n := 0
	if len(s.looseAt) > 0 {
		dirs := make([]*dirNode, 0, len(s.looseAt))
		for p := range s.looseAt {
			dirs = append(dirs, p)
		}
		n += s.scan(dirs)
	}
	if len(s.loose) == 0 {
		return n
	}
	files := make([]*file, 0, len(s.loose))
	for f := range s.loose {
		if _, done := s.looseAt[f.dir]; !done {
			files = append(files, f)
		}
	}
	for _, f := range files {
		s.lookAt(f)
	}
	return n + len(files)
}

// scanBranches reads the folders of listings in a folder: all, or those for which an
// event told.
func (s *Service) scanBranches(p *dirNode, all bool) {
	for _, b := range slices.Clone(p.branches) {
		if (all || b.stale) && b.listing.branches[b.rel] == b {
			s.scanBranch(b)
		}
	}
}

// scanBranch reads a folder of a listing and those beneath it that came.
func (s *Service) scanBranch(b *branch) {
	first := b.listing.digest == ""
	names, came, went := b.scan(s.graph.signFolder(b.dir))
	for _, rel := range names {
		if !first && !s.ignores(b.listing.dir.join(rel)) {
			s.note(b.listing.dir.join(rel), false, b.read.sig.Ctime)
		}
	}
	for _, d := range went {
		for _, p := range b.listing.prune(join(b.rel, d)) {
			s.leave(p)
		}
	}
	for _, d := range came {
		child := s.graph.grow(b.listing, join(b.rel, d))
		if child.dir.route == nil {
			s.lead(child.dir)
		}
		s.noteCoverage(child.dir)
		s.scanBranch(child)
	}
}

// finishScan finishes what looks have put off.
func (s *Service) finishScan() {
	s.graph.updateExpectations()
	for _, l := range s.graph.listings {
		if l != nil && l.changed {
			s.graph.summarize(l)
		}
	}
}

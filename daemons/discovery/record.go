package discovery

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// Record implements [ipc.Discovery].
func (s *Service) Record(ctx context.Context, req ipc.RecordRequest) (ipc.RecordReply, error) {
	if err := checkTrack(req.Track); err != nil {
		return ipc.RecordReply{}, err
	}
	contents, err := contentsOf(req.Files)
	if err != nil {
		return ipc.RecordReply{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ipc.RecordReply{}, err
	}
	defer s.unlock()
	if req.Reset {
		s.graph.forgetAll()
	}
	for _, id := range req.Forget {
		s.graph.forget(id)
	}
	r := recording{
		s: s, track: req.Track, contents: contents,
		reads: make([]uint32, len(req.Files)), makes: make([]uint32, len(req.Files)),
		misses: make([][]uint32, len(req.Misses)), lists: make([]uint32, len(req.Listings)),
	}
	for _, n := range req.Nodes {
		r.node(n)
	}
	s.release()
	s.finishScan()
	s.token = newToken()
	if s.watches != nil && s.watches.refusal {
		s.poke()
	}
	s.unsaved = true
	pause.Wake(s.save)
	return ipc.RecordReply{Token: s.token}, nil
}

// newToken names a new state of the records; no other state has the name.
func newToken() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// checkTrack refuses numbers that lead out of their tables: a request is taken as a
// whole or not at all.
func checkTrack(t ipc.Track) error {
	for _, n := range t.Nodes {
		if n.ID == "" {
			return ipc.Errorf(ipc.CodeBadRequest, "record: a node has no id")
		}
		for _, c := range []struct {
			what    string
			numbers []uint32
			table   int
		}{
			{"input", n.Inputs, len(t.Files)}, {"output", n.Outputs, len(t.Files)},
			{"miss", n.Misses, len(t.Misses)}, {"listing", n.Listings, len(t.Listings)},
		} {
			for _, i := range c.numbers {
				if int(i) >= c.table {
					return ipc.Errorf(ipc.CodeBadRequest, "record: %s %d of node %s is not in a table of %d", c.what, i, n.ID, c.table)
				}
			}
		}
	}
	return nil
}

// recording turns the tables of one Record into expectations, each once. Numbers are
// kept plus one, 0 is "not yet".
type recording struct {
	s        *Service
	track    ipc.Track
	contents []string // of track.Files
	reads    []uint32
	makes    []uint32
	misses   [][]uint32
	lists    []uint32
}

func (r *recording) node(n ipc.NodeRecord) {
	expects := make([]uint32, 0, len(n.Inputs)+len(n.Outputs)+len(n.Misses)+len(n.Listings))
	for _, i := range n.Outputs {
		expects = append(expects, once(&r.makes[i], func() uint32 { return r.file(makes, r.track.Files[i], "") }))
	}
	for _, i := range n.Inputs {
		expects = append(expects, once(&r.reads[i], func() uint32 { return r.file(reads, r.track.Files[i], r.contents[i]) }))
	}
	for _, i := range n.Misses {
		if r.misses[i] == nil {
			r.misses[i] = r.miss(r.track.Misses[i])
		}
		expects = append(expects, r.misses[i]...)
	}
	for _, i := range n.Listings {
		expects = append(expects, once(&r.lists[i], func() uint32 { return r.listing(r.track.Listings[i]) }))
	}
	if n.Same {
		var known bool
		if expects, known = r.s.graph.expectsOf(n.ID, n.Set, expects); !known {
			n.Set = "" // or the next record by that name would be believed
			n.Unsettled = cmp.Or(n.Unsettled, "what it was made from is not known")
		}
	}
	r.s.graph.put(n.ID, n.Set, n.Unsettled, expects)
}

func once(slot *uint32, make func() uint32) uint32 {
	if *slot == 0 {
		*slot = make() + 1
	}
	return *slot - 1
}

// dirFor returns the node of a folder, watched before anything in it is looked at.
func (s *Service) dirFor(dir string) *dirNode {
	p := s.graph.dirAt(dir)
	if p.route == nil && s.watches != nil {
		s.lead(p)
	}
	s.noteCoverage(p)
	return p
}

// file returns the expectation that a file has the recorded signature, after a look
// at one that is new or seems to have another.
func (r *recording) file(k kind, rec ipc.FileSig, content string) uint32 {
	s, g := r.s, r.s.graph
	f := g.fileFor(rec.Path, rec.Link)
	if f.dir.route == nil || f.now == "" {
		s.dirFor(f.dir.path)
	}
	want := packSignature(rec.Sig)
	if f.now != want {
		s.lookAt(f)
	}
	if k == makes {
		s.ownFolder(f)
	}
	i := g.expect(expectationKey{want, content, f.number, k}, f.met(want))
	if s.watches != nil {
		s.recent.offer(f) // now it is known whether a node made it
	}
	if k == reads && f.now != want {
		s.note(f.path(), f.ours(), 0)
	}
	return i
}

// miss returns the expectations that names are not in a folder; names with slashes
// belong to folders beneath.
func (r *recording) miss(rec ipc.Miss) []uint32 {
	s, g := r.s, r.s.graph
	byDir := map[string][]uint32{}
	for _, base := range rec.Names {
		dir := rec.Dir
		if strings.Contains(base, "/") || base == "" || base == "." || base == ".." {
			dir, base = split(g.spell(rec.Dir + "/" + base))
		} else {
			dir = g.spell(dir)
		}
		byDir[dir] = append(byDir[dir], g.numberOf(base))
	}
	out := []uint32{}
	for dir, numbers := range byDir {
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
		p := s.dirFor(dir)
		if fresh := p.miss(numbers); len(fresh) > 0 {
			s.seek(p, fresh)
		}
		set := g.setOf(numbers)
		out = append(out, g.expect(expectationKey{want: set, subject: p.number, kind: misses}, func() bool { return p.met(set) }))
	}
	return out
}

// seek looks for names that were not missed before.
func (s *Service) seek(p *dirNode, fresh []uint32) {
	if len(fresh) > few {
		p.emptied = signed{}
		o := dirScan{dir: p}
		s.graph.search(p, &o)
		s.take(&o)
		return
	}
	for _, n := range fresh {
		s.findBase(p, n)
	}
	s.noteCoverage(p)
}

// listing returns the expectation that a folder lists what was recorded.
func (r *recording) listing(rec ipc.Listing) uint32 {
	s, g := r.s, r.s.graph
	p := s.dirFor(g.spell(rec.Dir))
	l, fresh := g.listingFor(p, rec.Match)
	want := wanted(rec.Digest)
	switch {
	case fresh:
		s.scanBranch(g.grow(l, ""))
	case l.digest != want:
		for _, b := range l.branches {
			b.stale = true
		}
		for _, b := range l.branches {
			s.scanBranches(b.dir, false)
		}
	}
	g.summarize(l)
	return g.expect(expectationKey{want: want, subject: l.number, kind: lists}, func() bool { return l.digest == want })
}

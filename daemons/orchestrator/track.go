package orchestrator

import (
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// maxTrackSize keeps a record request far below the 64 MiB that a request may have
// (ipc/limits.go), with room for the last track that was added.
const maxTrackSize = 6 << 20

// tables are those of a stream of tracks that go on from one to the next.
type tables struct{ track ipc.Track }

// join returns news with all that came before it: numbers in it lead somewhere.
func (t *tables) join(news ipc.Track) *stretch {
	all := &t.track
	all.Files = append(all.Files, news.Files...)
	all.Misses = append(all.Misses, news.Misses...)
	all.Listings = append(all.Listings, news.Listings...)
	all.Variables = append(all.Variables, news.Variables...)
	return &stretch{of: t, Track: ipc.Track{Files: all.Files, Misses: all.Misses, Listings: all.Listings, Variables: all.Variables, Nodes: news.Nodes}}
}

// stretch is some nodes of a stream.
type stretch struct {
	of *tables
	ipc.Track
}

// alone makes a stream of one track.
func alone(t ipc.Track) *stretch { return &stretch{of: &tables{track: t}, Track: t} }

// trackMerger joins stretches into one track whose tables hold what its nodes need, and
// nothing twice: units of one project share nearly all of their headers and misses.
type trackMerger struct {
	track    ipc.Track
	files    map[ipc.FileSig]uint32
	misses   map[string]uint32
	listings map[ipc.Listing]uint32
	known    map[*tables]*numbering
	asked    map[string][]ipc.Variable // by node
	size     int                       // estimate of the JSON in bytes
}

// numbering maps numbers of a stream to those of the merged track, plus one; 0 = not yet.
type numbering struct{ files, misses, listings []uint32 }

func newTrackMerger() *trackMerger {
	return &trackMerger{
		files:    map[ipc.FileSig]uint32{},
		misses:   map[string]uint32{},
		listings: map[ipc.Listing]uint32{},
		known:    map[*tables]*numbering{},
		asked:    map[string][]ipc.Variable{},
	}
}

func (m *trackMerger) add(s *stretch) {
	k := m.known[s.of]
	if k == nil {
		k = &numbering{}
		m.known[s.of] = k
	}
	for _, n := range s.Nodes {
		whole := true
		n.Inputs = renumber(n.Inputs, s.Files, &k.files, m.file, &whole)
		n.Outputs = renumber(n.Outputs, s.Files, &k.files, m.file, &whole)
		n.Misses = renumber(n.Misses, s.Misses, &k.misses, m.miss, &whole)
		n.Listings = renumber(n.Listings, s.Listings, &k.listings, m.listing, &whole)
		m.asked[n.ID] = pick(n.Variables, s.Variables, &whole)
		n.Variables = nil // which are no question for discovery
		if !whole {
			n.Unsettled = "its record is not whole"
		}
		m.track.Nodes = append(m.track.Nodes, n)
		m.size += 80 + len(n.ID) + len(n.Unsettled) + 6*(len(n.Inputs)+len(n.Outputs)+len(n.Misses)+len(n.Listings))
	}
}

// pick returns entries of a table.
func pick[T any](indices []uint32, table []T, whole *bool) (out []T) {
	for _, i := range indices {
		if int(i) >= len(table) {
			*whole = false
			continue
		}
		out = append(out, table[i])
	}
	return out
}

// renumber maps indices into a table of the stream to those of the merged one. An index
// outside its table is a mistake of the sender: the node must not count as clean.
func renumber[T any](indices []uint32, table []T, known *[]uint32, put func(T) uint32, whole *bool) []uint32 {
	if n := len(table) - len(*known); n > 0 {
		*known = append(*known, make([]uint32, n)...)
	}
	out := make([]uint32, 0, len(indices))
	for _, i := range indices {
		if int(i) >= len(table) {
			*whole = false
			continue
		}
		at := &(*known)[i]
		if *at == 0 {
			*at = put(table[i]) + 1
		}
		out = append(out, *at-1)
	}
	return out
}

func (m *trackMerger) file(f ipc.FileSig) uint32 {
	i, known := m.files[f]
	if !known {
		i = uint32(len(m.track.Files))
		m.files[f], m.track.Files = i, append(m.track.Files, f)
		m.size += 100 + len(f.Path) + len(f.Digest)
	}
	return i
}

func (m *trackMerger) miss(miss ipc.Miss) uint32 {
	key := miss.Dir + "\x00" + strings.Join(miss.Names, "\x00")
	i, known := m.misses[key]
	if !known {
		i = uint32(len(m.track.Misses))
		m.misses[key], m.track.Misses = i, append(m.track.Misses, miss)
		m.size += 30 + len(key) + 2*len(miss.Names)
	}
	return i
}

func (m *trackMerger) listing(l ipc.Listing) uint32 {
	i, known := m.listings[l]
	if !known {
		i = uint32(len(m.track.Listings))
		m.listings[l], m.track.Listings = i, append(m.track.Listings, l)
		m.size += 120 + len(l.Dir) + len(l.Match)
	}
	return i
}

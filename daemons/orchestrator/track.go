package orchestrator

import (
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// maxTrackSize keeps a record request under the 16 MiB that a request may have, with
// room for the last track that was added.
const maxTrackSize = 6 << 20

// trackMerger joins tracks into one whose tables hold nothing twice: units of one
// project share nearly all of their headers and misses.
type trackMerger struct {
	track    ipc.Track
	files    map[ipc.FileSig]uint32
	misses   map[string]uint32
	listings map[ipc.Listing]uint32
	size     int // estimate of the JSON in bytes
}

func newTrackMerger() *trackMerger {
	return &trackMerger{
		files:    map[ipc.FileSig]uint32{},
		misses:   map[string]uint32{},
		listings: map[ipc.Listing]uint32{},
	}
}

func (m *trackMerger) add(t ipc.Track) {
	files := make([]uint32, len(t.Files))
	for i, f := range t.Files {
		files[i] = m.file(f)
	}
	misses := make([]uint32, len(t.Misses))
	for i, miss := range t.Misses {
		misses[i] = m.miss(miss)
	}
	listings := make([]uint32, len(t.Listings))
	for i, l := range t.Listings {
		listings[i] = m.listing(l)
	}
	for _, n := range t.Nodes {
		n.Inputs, n.Outputs = renumber(n.Inputs, files), renumber(n.Outputs, files)
		n.Misses, n.Listings = renumber(n.Misses, misses), renumber(n.Listings, listings)
		m.track.Nodes = append(m.track.Nodes, n)
		m.size += 80 + len(n.ID) + len(n.Unsettled) + 6*(len(n.Inputs)+len(n.Outputs)+len(n.Misses)+len(n.Listings))
	}
}

// renumber maps indices into one track's table to those of the merged one. An index
// outside of its table is dropped; its sender has a bug that costs no more than that.
func renumber(indices, table []uint32) []uint32 {
	out := make([]uint32, 0, len(indices))
	for _, i := range indices {
		if int(i) < len(table) {
			out = append(out, table[i])
		}
	}
	return out
}

func (m *trackMerger) file(f ipc.FileSig) uint32 {
	i, known := m.files[f]
	if !known {
		i = uint32(len(m.track.Files))
		m.files[f], m.track.Files = i, append(m.track.Files, f)
		m.size += 100 + len(f.Path)
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

package orchestrator

import (
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func signed(path string) ipc.FileSig { return ipc.FileSig{Path: path, Sig: ipc.Signature{Ino: 1}} }

// Tables go on from report to report, those of other streams are others, and what is
// joined holds each file once, and only files that nodes need.
func TestTracksAreJoined(t *testing.T) {
	t.Parallel()
	var stream tables
	m := newTrackMerger()
	m.add(stream.join(ipc.Track{
		Files: []ipc.FileSig{signed("unused"), signed("a.h")}, Misses: []ipc.Miss{{Dir: "inc", Names: []string{"b.h"}}},
		Nodes: []ipc.NodeRecord{{ID: "1", Inputs: []uint32{1}, Misses: []uint32{0}}},
	}))
	m.add(stream.join(ipc.Track{
		Files: []ipc.FileSig{signed("b.h")}, Listings: []ipc.Listing{{Dir: "lib"}},
		Nodes: []ipc.NodeRecord{{ID: "2", Inputs: []uint32{1, 2}, Misses: []uint32{0}, Listings: []uint32{0}}},
	}))
	m.add(alone(ipc.Track{
		Files: []ipc.FileSig{signed("b.h"), signed("c.h")},
		Nodes: []ipc.NodeRecord{{ID: "3", Inputs: []uint32{0}, Outputs: []uint32{1}}},
	}))
	equal(t, "joined", m.track, ipc.Track{
		Files:    []ipc.FileSig{signed("a.h"), signed("b.h"), signed("c.h")},
		Misses:   []ipc.Miss{{Dir: "inc", Names: []string{"b.h"}}},
		Listings: []ipc.Listing{{Dir: "lib"}},
		Nodes: []ipc.NodeRecord{
			{ID: "1", Inputs: []uint32{0}, Outputs: []uint32{}, Misses: []uint32{0}, Listings: []uint32{}},
			{ID: "2", Inputs: []uint32{0, 1}, Outputs: []uint32{}, Misses: []uint32{0}, Listings: []uint32{0}},
			{ID: "3", Inputs: []uint32{1}, Outputs: []uint32{2}, Misses: []uint32{}, Listings: []uint32{}},
		},
	})
}

// A record that names what is in no table must not be taken for clean.
func TestRecordThatIsNotWhole(t *testing.T) {
	t.Parallel()
	m := newTrackMerger()
	m.add(alone(ipc.Track{Files: []ipc.FileSig{signed("a.h")}, Nodes: []ipc.NodeRecord{{ID: "1", Inputs: []uint32{0, 1}}}}))
	if n := m.track.Nodes[0]; n.Unsettled == "" || len(n.Inputs) != 1 {
		t.Errorf("%+v", n)
	}
}

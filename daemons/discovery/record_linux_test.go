package discovery

import (
	"context"
	"fmt"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestRecordComparesWithWhatIsThere(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a.cpp", "1")
	tr.write("b.cpp", "1")
	track := tr.track(nodeSpec{id: "a", inputs: []string{"a.cpp"}}, nodeSpec{id: "b", inputs: []string{"b.cpp"}, note: "changed meanwhile"})
	tr.write("a.cpp", "2")
	tr.recordTrack(ipc.RecordRequest{Track: track})
	tr.expect("a: changed a.cpp", "b: unsettled ")
	tr.record(nodeSpec{id: "b", inputs: []string{"b.cpp"}, note: "b.cpp"})
	tr.record(nodeSpec{id: "a", inputs: []string{"a.cpp"}})
	tr.expect("b: unsettled b.cpp")
	tr.recordTrack(ipc.RecordRequest{Forget: []string{"b", "unknown"}})
	if r := tr.expect(); r.Nodes != 1 || r.Files != 1 {
		t.Errorf("%+v: want one node with one file left", r)
	}
	tr.recordTrack(ipc.RecordRequest{Reset: true})
	if r := tr.expect(); r.Nodes != 0 || r.Files != 0 {
		t.Errorf("%+v: want nothing left", r)
	}
	if st := tr.stats(); st.Folders != 0 {
		t.Errorf("%+v: want no folder left", st)
	}
}

func TestRecordRefusesNumbersOutsideOfTables(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	for _, n := range []ipc.NodeRecord{
		{ID: "x", Inputs: []uint32{0}}, {ID: "x", Outputs: []uint32{1}}, {ID: "x", Misses: []uint32{0}},
		{ID: "x", Listings: []uint32{7}}, {ID: ""},
	} {
		_, err := tr.service.Record(context.Background(), ipc.RecordRequest{Track: ipc.Track{Nodes: []ipc.NodeRecord{n}}})
		if ipc.CodeOf(err) != ipc.CodeBadRequest {
			t.Errorf("%+v: %v, want a bad request", n, err)
		}
	}
}

// TestUnwatchedIsReleased: folders that nothing recorded needs are not watched on.
func TestUnwatchedIsReleased(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	before := tr.stats().Watched
	for i := range 20 {
		tr.write(fmt.Sprintf("../far%d/a/x.h", i), "")
		tr.symlink("a/x.h", fmt.Sprintf("../far%d/link.h", i))
		tr.record(nodeSpec{id: "n", inputs: []string{fmt.Sprintf("../far%d/a/x.h", i), fmt.Sprintf("../far%d/link.h", i)}})
	}
	grown := tr.stats()
	if grown.Files != 2 || grown.Folders != 2 {
		t.Errorf("%+v: want the last record's two files", grown)
	}
	tr.recordTrack(ipc.RecordRequest{Reset: true})
	after := tr.stats()
	if after.Watched > max(before, 16) || grown.Watched > after.Watched+16 {
		t.Errorf("%d folders watched before, %d with one record, %d after", before, grown.Watched, after.Watched)
	}
}

// TestSameInputs: a node that was made again from what it is known to be made from is
// recorded by the name of that. A name that is not known leaves the node dirty.
func TestSameInputs(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a.h", "1")
	tr.write("a.o", "1")
	track := tr.track(nodeSpec{id: "a", inputs: []string{"a.h"}, outputs: []string{"a.o"}, misses: map[string][]string{"inc": {"a.h"}}})
	track.Nodes[0].Set = "first"
	tr.recordTrack(ipc.RecordRequest{Track: track})
	tr.expect()

	tr.remove("a.o")
	if r := tr.expect("a: output a.o"); r.Dirty[0].Set != "first" {
		t.Errorf("known by %q", r.Dirty[0].Set)
	}
	tr.write("a.o", "1")
	again := func(set string) {
		same := tr.track(nodeSpec{id: "a", outputs: []string{"a.o"}})
		same.Nodes[0].Set, same.Nodes[0].Same = set, true
		tr.recordTrack(ipc.RecordRequest{Track: same})
	}
	again("first")
	tr.expect()
	tr.reopen()
	tr.expect()
	tr.remove("a.o")
	tr.mkdir("inc")
	tr.write("inc/a.h", "2")
	if r := tr.expect("a: output a.o, appeared inc/a.h"); r.Dirty[0].Set != "" {
		t.Errorf("known by %q though a header appeared", r.Dirty[0].Set)
	}
	again("first") // it was asked for before the header came
	tr.expect("a: appeared inc/a.h")
	tr.remove("inc/a.h")
	tr.expect()
	again("second")
	if r := tr.expect("a: unsettled "); r.Dirty[0].Set != "" {
		t.Errorf("known by %q", r.Dirty[0].Set)
	}
	again("second") // said twice it is no better known
	tr.expect("a: unsettled ")
}

package orchestrator

import (
	"log/slog"
	"testing"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// TestAppendHistory: a service that has the history open sees a build that another process
// appended, after its own and beside those that it has not written yet.
func TestAppendHistory(t *testing.T) {
	t.Parallel()
	root, dir := t.TempDir(), t.TempDir()
	h := openHistory(dir, rootid.Of(root), slog.New(slog.DiscardHandler))
	made := func(id string) ipc.BuildRecord {
		return ipc.BuildRecord{Build: id, Success: true, Units: []ipc.UnitRecord{{ID: "app:" + id, Status: ipc.StatusCompiled}}}
	}
	h.add(made("one"))
	if err := h.flush(); err != nil {
		t.Fatal(err)
	}
	h.add(made("three")) // not written yet
	if err := AppendHistory(dir, root, made("two")); err != nil {
		t.Fatal(err)
	}
	if !h.reload() {
		t.Fatal("the appended build was not noticed")
	}
	var ids []string
	for _, b := range h.builds(ipc.HistoryRequest{Units: true}) {
		if len(b.Units) != 1 {
			t.Errorf("build %s has %d units", b.Build, len(b.Units))
		}
		ids = append(ids, b.Build)
	}
	if len(ids) != 3 || ids[0] != "three" || ids[1] != "two" || ids[2] != "one" {
		t.Errorf("builds %v", ids)
	}
	other := openHistory(dir, rootid.Of(t.TempDir()), slog.New(slog.DiscardHandler))
	if len(other.records) != 0 {
		t.Errorf("the history of another folder was taken: %v", other.records)
	}
}

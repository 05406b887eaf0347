package orchestrator

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/RepliBuild/replibuild/ipc"
)

// While discovery is being asked, nothing is recorded: its answer has the token of the last
// record that memory knows of.
func TestRecorderHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token := "none"
		r := &recorder{send: func(_ context.Context, req ipc.RecordRequest) (ipc.RecordReply, error) {
			token = req.Nodes[len(req.Nodes)-1].ID
			return ipc.RecordReply{Token: token}, nil
		}}
		node := func(id string) { r.add(ipc.Track{Nodes: []ipc.NodeRecord{{ID: id}}}) }
		m := &lastBuild{recorded: map[string]bool{}}
		node("a")
		if err := r.flushAndHold(m); err != nil {
			t.Fatal(err)
		}
		node("b")
		synctest.Wait()
		if token != "a" || m.token != "a" || m.recorded["b"] {
			t.Errorf("while it is asked: discovery is at %s, memory at %s, %v", token, m.token, m.recorded)
		}
		r.resume()
		if err := r.flush(m); err != nil {
			t.Fatal(err)
		}
		if token != "b" || m.token != "b" || !m.recorded["a"] || !m.recorded["b"] {
			t.Errorf("after it: discovery is at %s, memory at %s, %v", token, m.token, m.recorded)
		}
	})
}

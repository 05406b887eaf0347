package compilation

import (
	"context"
	"maps"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// Doubts implements [ipc.Compilation].
func (s *Service) Doubts(context.Context, ipc.DoubtsRequest) (ipc.DoubtsReply, error) {
	byID, _ := s.records.snapshot()
	reply := ipc.DoubtsReply{Doubts: []ipc.Doubt{}}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		if rec := byID[id]; rec.Unsettled != "" && !rec.Failed {
			reply.Doubts = append(reply.Doubts, ipc.Doubt{ID: id, Why: rec.Unsettled})
		}
	}
	return reply, nil
}

package compilation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// Inputs implements [ipc.Compilation]. It reads nothing but the records of what was
// made last, so a thousand units cost one walk over their packed sets.
func (s *Service) Inputs(_ context.Context, req ipc.InputsRequest) (ipc.InputsReply, error) {
	sum := &inputSums{view: snapshot.New(s.cfg.Root, nil, s.tables, s.digests), byPath: make(map[string]*inputSum)}
	for _, id := range slices.Sorted(maps.Keys(req.Seconds)) {
		if rec := s.records.get(id); rec != nil {
			sum.add(rec, req.Seconds[id])
		}
	}
	return ipc.InputsReply{Files: sum.files(req.Paths)}, nil
}

// inputSums adds up units by the files that they read.
type inputSums struct {
	view   *snapshot.Tree
	units  int         // added so far
	byID   []*inputSum // by path number
	byPath map[string]*inputSum
}

type inputSum struct {
	ipc.InputCost
	last int // the unit that was counted last: a file may have two spellings
}

func (s *inputSums) add(rec *record, seconds float64) {
	s.units++
	files, _ := s.view.Interner.Numbers(rec.Set)
	for _, f := range files {
		sum := s.of(f.Path)
		if sum.last != s.units {
			sum.last = s.units
			sum.Units++
			sum.Seconds += seconds
		}
	}
}

func (s *inputSums) of(path uint32) *inputSum {
	if n := int(path) + 1; n > len(s.byID) {
		s.byID = append(s.byID, make([]*inputSum, n-len(s.byID)+n/2)...)
	}
	if s.byID[path] == nil {
		name := s.view.TidyNumber(path)
		if s.byPath[name] == nil {
			s.byPath[name] = &inputSum{InputCost: ipc.InputCost{Path: name}}
		}
		s.byID[path] = s.byPath[name]
	}
	return s.byID[path]
}

// files returns the sums of some paths in their order, or of all, the highest first.
func (s *inputSums) files(paths []string) []ipc.InputCost {
	out := make([]ipc.InputCost, 0, max(len(paths), len(s.byPath)))
	for _, p := range paths {
		cost := ipc.InputCost{Path: p}
		if sum := s.byPath[p]; sum != nil {
			cost = sum.InputCost
		}
		out = append(out, cost)
	}
	if len(paths) == 0 {
		for _, sum := range s.byPath {
			out = append(out, sum.InputCost)
		}
		slices.SortFunc(out, func(a, b ipc.InputCost) int {
			return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(b.Units, a.Units), strings.Compare(a.Path, b.Path))
		})
	}
	for i := range out {
		out[i].Bytes = s.view.Signature(out[i].Path).Size
	}
	return out
}

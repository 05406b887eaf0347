package orchestrator

import (
	"context"
	"path"
	"strings"

	"github.com/RepliBuild/replibuild/internal/editdistance"
	"github.com/RepliBuild/replibuild/ipc"
)

// checkNames refuses a request for a target or file that the plan does not have before
// it becomes a build: a typing mistake is no failed build. A plan that cannot be had is
// the build's own error.
func (s *Service) checkNames(ctx context.Context, req ipc.BuildRequest) error {
	if len(req.Targets)+len(req.Files) == 0 || s.cfg.Foreign != nil {
		return nil
	}
	if known := s.plan.Load(); known != nil {
		if _, err := newScope(known, req); err == nil {
			return nil
		}
	}
	setup, err := s.setup.current()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	reply, err := setup.Plan(ctx, ipc.PlanRequest{Env: req.Env})
	if err != nil || reply.Plan == nil {
		return nil
	}
	g, err := newActionGraph(reply.Plan)
	if err != nil {
		return nil
	}
	_, err = newScope(g, req)
	return err
}

// didYouMean is a hint for a word that is no name: the path that ends in it, or the name
// that is spelled most like it, else otherwise.
func didYouMean(word string, names []string, otherwise string) string {
	var same []string
	for _, n := range names {
		if strings.HasSuffix(n, "/"+word) {
			same = append(same, n)
		}
	}
	if len(same) > 0 {
		return "did you mean " + list(same, 3) + "?"
	}
	if n := editdistance.Nearest(word, names); n != "" {
		return "did you mean " + n + "?"
	}
	bases := map[string]string{}
	for _, n := range names {
		bases[path.Base(n)] = n
	}
	if n := editdistance.Nearest(path.Base(word), keysOf(bases)); n != "" {
		return "did you mean " + bases[n] + "?"
	}
	return otherwise
}

func keysOf(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// sourceNames lists the source files of a plan, each once.
func sourceNames(p *ipc.Plan) []string {
	if p == nil {
		return nil
	}
	seen := map[string]bool{}
	var names []string
	for u := range p.Units() {
		if !seen[u.Source] {
			seen[u.Source] = true
			names = append(names, u.Source)
		}
	}
	return names
}

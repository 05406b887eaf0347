package orchestrator

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/orchestrator/internal/includes"
	"github.com/RepliBuild/replibuild/ipc"
)

// Graph implements [ipc.Orchestrator]. Like Explain it needs no build and starts none.
// A header is shown as the first unit that reads it sees it.
func (s *Service) Graph(ctx context.Context, req ipc.GraphRequest) (ipc.GraphReply, error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	reply := ipc.GraphReply{Subject: s.relative(req.Subject)}
	plan := s.planToExplain(ctx)
	discovery, err := s.discovery.current()
	if plan == nil || err != nil {
		return reply, ipc.Errorf(ipc.CodeUnavailable, "the includes of %s cannot be shown without a plan", reply.Subject).
			WithHint("`replibuild config check` says what is wrong with the project's configuration")
	}
	found, err := discovery.Dependents(ctx, ipc.DependentsRequest{Path: reply.Subject})
	if err != nil {
		return reply, err
	}
	nodes := slices.DeleteFunc(found.Nodes, isNoAction)
	slices.Sort(nodes)
	u := plan.Unit(firstOf(unitsOf(plan, reply.Subject), nodes, plan))
	if u == nil {
		return reply, unknownSubject(plan, reply.Subject)
	}
	reply.Unit, reply.Readers, reply.Missed = nodeName(plan, u.ID), nodeNames(plan, nodes), nodeNames(plan, slices.DeleteFunc(found.Missed, isNoAction))
	read, err := discovery.Dependents(ctx, ipc.DependentsRequest{Path: u.ID})
	if err != nil {
		return reply, err
	}
	return s.fillGraph(ctx, reply, plan, u, read.Inputs)
}

// isNoAction reports the nodes of discovery that stand for no action, such as the plan.
func isNoAction(id string) bool { return !strings.Contains(id, ":") }

// nodeName is the name of a node for people and in the history. Units of another front end have
// an ID there that names their target and source.
func nodeName(p *ipc.Plan, id string) string {
	if p != nil && len(p.Targets) == 0 {
		if u := p.Unit(id); u != nil {
			return unitName(u)
		}
	}
	return id
}

// unitName is the name that another front end's unit has in the history.
func unitName(u *ipc.Action) string { return u.Target + ":" + u.Source }

// nodeNames are the names in order: that of discovery is the order of the records, which builds
// change.
func nodeNames(p *ipc.Plan, ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = nodeName(p, id)
	}
	slices.Sort(names)
	return names
}

// firstOf is the unit that shows a file: one of its own, else the first that reads it.
func firstOf(own, readers []string, p *ipc.Plan) string {
	for _, id := range slices.Concat(own, readers) {
		if p.Unit(id) != nil {
			return id
		}
	}
	return ""
}

func (s *Service) fillGraph(ctx context.Context, reply ipc.GraphReply, p *ipc.Plan, u *ipc.Action, inputs []string) (ipc.GraphReply, error) {
	g := includesOf(includes.NewTexts(), p, u, inputs)
	order, _ := g.Reach(reply.Subject)
	index := make(map[string]int, len(order))
	for i, file := range order {
		index[file] = i
	}
	for i, cost := range s.inputCosts(ctx, p, order) {
		f := ipc.GraphFile{InputCost: cost}
		for _, to := range g.Of(order[i]) {
			f.Includes = append(f.Includes, index[to])
		}
		reply.Files = append(reply.Files, f)
	}
	_, placed := g.Reach(u.Source)
	for _, in := range inputs {
		if _, ok := placed[in]; !ok {
			reply.Unplaced++
		}
	}
	return reply, nil
}

// inputCosts returns the costs of files, or of all that are read if none are given. If
// compilation does not answer, only the names are filled in.
func (s *Service) inputCosts(ctx context.Context, p *ipc.Plan, paths []string) []ipc.InputCost {
	req := ipc.InputsRequest{Seconds: map[string]float64{}, Paths: paths}
	for id, cost := range s.history.unitCosts(p) {
		req.Seconds[id] = cost.Seconds
	}
	c, err := s.compilation.current()
	if err == nil {
		var reply ipc.InputsReply
		if reply, err = c.Inputs(ctx, req); err == nil && (len(paths) == 0 || len(reply.Files) == len(paths)) {
			return reply.Files
		}
	}
	s.log.Warn("what inputs cost is not known", "error", err)
	out := make([]ipc.InputCost, len(paths))
	for i, p := range paths {
		out[i].Path = p
	}
	return out
}

// slow finds where the time goes, at most limit units and as many headers.
func (s *Service) slow(ctx context.Context, limit int) *ipc.Slow {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	out := &ipc.Slow{Units: []ipc.SlowUnit{}, Headers: []ipc.InputCost{}}
	p := s.planToExplain(ctx)
	if p == nil {
		return out
	}
	costs, sources := s.history.unitCosts(p), map[string]bool{}
	for u := range p.Units() {
		sources[u.Source] = true
		if c, known := costs[u.ID]; known {
			out.Seconds += c.Seconds
			out.Units = append(out.Units, ipc.SlowUnit{ID: u.ID, Seconds: c.Seconds, Peak: c.Peak})
		}
	}
	slices.SortStableFunc(out.Units, func(a, b ipc.SlowUnit) int { return cmp.Compare(b.Seconds, a.Seconds) })
	out.Units = out.Units[:min(limit, len(out.Units))]
	for i := range out.Units {
		out.Units[i].ID = nodeName(p, out.Units[i].ID)
	}
	inputs := s.inputCosts(ctx, p, nil)
	asked := namesAsked(p, inputs)
	for _, h := range inputs {
		if len(out.Headers) < limit && h.Units > 0 && includes.IsHeader(h.Path) && !sources[h.Path] && (isOwn(p, h.Path) || asked.leadTo(h.Path)) {
			out.Headers = append(out.Headers, h)
		}
	}
	return out
}

// asked are the names that files of the project include, by their last element.
type asked map[string][]string

// namesAsked collects them. Of headers outside the project, only those that the project
// itself includes are listed: what they include in turn is not the project's choice.
func namesAsked(p *ipc.Plan, inputs []ipc.InputCost) asked {
	names, texts := asked{}, includes.NewTexts()
	for _, in := range inputs {
		if !isOwn(p, in.Path) || !includes.IsHeader(in.Path) {
			continue
		}
		for _, d := range texts.Of(p.Root, in.Path).Directives {
			if base := path.Base(d.Name); !slices.Contains(names[base], d.Name) {
				names[base] = append(names[base], d.Name)
			}
		}
	}
	return names
}

func (a asked) leadTo(header string) bool {
	return slices.ContainsFunc(a[path.Base(header)], func(name string) bool { return strings.HasSuffix(header, "/"+name) })
}

// isOwn reports whether a file belongs to the project: it lies in its root, or in the folder of
// the sources that a build folder is made from.
func isOwn(p *ipc.Plan, file string) bool {
	return !path.IsAbs(file) || slices.ContainsFunc(p.Sharing.Roots, func(root string) bool { return strings.HasPrefix(file, root+"/") })
}

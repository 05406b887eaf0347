package orchestrator

import (
	"context"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Kinds of an [ipc.ExplainReply].
const (
	kindUnit   = "unit"
	kindHeader = "header"
	kindTarget = "target"
)

// maxFacts is how many times that something was made are told.
const maxFacts = 20

// explainTimeout bounds what one explanation asks of the other services.
const explainTimeout = 5 * time.Second

// Explain implements [ipc.Orchestrator]. It starts no build. The answer comes from the
// history and from what discovery knows now.
func (s *Service) Explain(ctx context.Context, req ipc.ExplainRequest) (ipc.ExplainReply, error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	s.history.reload()
	plan := s.planToExplain(ctx)
	reply := ipc.ExplainReply{Subject: req.Subject}
	if plan != nil {
		if t := plan.Target(req.Subject); t != nil {
			return s.explainTarget(ctx, reply, plan, t), nil
		}
	}
	if (plan == nil || len(plan.Targets) == 0) && s.wasLinked(req.Subject) { // built by another front end
		reply.Kind = kindTarget
		reply.Records = s.history.facts(linkOf(req.Subject), maxFacts)
		return reply, nil
	}
	reply.Subject = s.relative(req.Subject)
	if ids := unitsOf(plan, reply.Subject); len(ids) > 0 || s.wasUnit(reply.Subject) {
		return s.explainUnit(ctx, reply, plan, ids), nil
	}
	return s.explainHeader(ctx, reply, plan)
}

// planToExplain is the last plan, or setup's after a start. It is nil if the project's
// configuration is broken.
func (s *Service) planToExplain(ctx context.Context) *ipc.Plan {
	if g := s.plan.Load(); g != nil {
		return g.plan
	}
	setup, err := s.setup.current()
	if err != nil {
		return nil
	}
	req := ipc.PlanRequest{Explain: true}
	if last := s.last.Load(); last != nil {
		req.Env = last.Env
	}
	reply, err := setup.Plan(ctx, req)
	if err != nil || reply.Plan == nil {
		return nil
	}
	return reply.Plan
}

// unitsOf lists the IDs of the units of a source file.
func unitsOf(p *ipc.Plan, source string) (ids []string) {
	if p == nil {
		return nil
	}
	for u := range p.Units() {
		if u.Source == source {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

// wasUnit reports whether the history knows units of a file that is no source of the
// plan, or of a plan that cannot be had.
func (s *Service) wasUnit(file string) bool {
	return len(s.history.facts(unitOf(file), 1)) > 0
}

// wasLinked reports whether the history knows a target.
func (s *Service) wasLinked(target string) bool {
	return len(s.history.facts(linkOf(target), 1)) > 0
}

// linkOf fits the records of a target.
func linkOf(target string) func(ipc.UnitRecord) bool {
	id := ipc.LinkID(target)
	return func(u ipc.UnitRecord) bool { return u.ID == id }
}

// unitOf fits the records of a source file's units.
func unitOf(file string) func(ipc.UnitRecord) bool {
	return func(u ipc.UnitRecord) bool {
		_, isLink := linkedTarget(u.ID)
		return u.File == file && !isLink
	}
}

func (s *Service) explainUnit(ctx context.Context, reply ipc.ExplainReply, p *ipc.Plan, ids []string) ipc.ExplainReply {
	reply.Kind = kindUnit
	reply.Records = s.history.facts(unitOf(reply.Subject), maxFacts)
	reply.Dirty = s.dirtyNow(ctx, ids)
	for _, id := range ids {
		if link := ipc.LinkID(p.Unit(id).Target); !slices.Contains(reply.Dependents, link) {
			reply.Dependents = append(reply.Dependents, link)
		}
	}
	reply.Inputs, reply.Chains = s.unitChains(ctx, p, ids, whatMattered(reply))
	return reply
}

func (s *Service) explainTarget(ctx context.Context, reply ipc.ExplainReply, p *ipc.Plan, t *ipc.Target) ipc.ExplainReply {
	reply.Kind = kindTarget
	id := ipc.LinkID(t.Name)
	reply.Records = s.history.facts(linkOf(t.Name), maxFacts)
	nodes := []string{id}
	for u := range p.Units() {
		if u.Target == t.Name {
			nodes = append(nodes, u.ID)
		}
	}
	reply.Dirty = s.dirtyNow(ctx, nodes)
	reply.Inputs = s.inputsOf(ctx, id)
	for _, other := range p.Targets {
		if slices.Contains(other.Depends, t.Name) {
			reply.Dependents = append(reply.Dependents, ipc.LinkID(other.Name))
		}
	}
	return reply
}

// explainHeader explains any other file: what was made because of it, by which step
// it is made, and who reads it.
func (s *Service) explainHeader(ctx context.Context, reply ipc.ExplainReply, p *ipc.Plan) (ipc.ExplainReply, error) {
	reply.Kind = kindHeader
	step := stepMaking(p, reply.Subject)
	reply.Records = s.history.facts(func(u ipc.UnitRecord) bool {
		return u.Reason.Path == reply.Subject || step != "" && u.ID == step
	}, maxFacts)
	if d, err := s.discovery.current(); err == nil {
		found, err := d.Dependents(ctx, ipc.DependentsRequest{Path: reply.Subject})
		if err == nil {
			isNeither := func(id string) bool { return isNoAction(id) && id != planNode }
			reply.Dependents = slices.DeleteFunc(slices.Concat(found.Nodes, found.Missed), isNeither)
		}
	}
	if len(reply.Records) == 0 && len(reply.Dependents) == 0 {
		return reply, unknownSubject(p, reply.Subject)
	}
	reply.Dirty = s.dirtyNow(ctx, reply.Dependents)
	reply.Chains = s.headerChains(ctx, p, reply.Dependents, reply.Subject)
	return reply, nil
}

func unknownSubject(p *ipc.Plan, subject string) error {
	names := sourceNames(p)
	if p != nil {
		names = append(names, targetNames(p)...)
	}
	return ipc.Errorf(ipc.CodeUnknownFile, "%s is unknown: no target has this name and no build has read such a file", subject).
		WithHint("%s", didYouMean(subject, names, "name a source file, a header or a target; a header is known after a build that reads it"))
}

func stepMaking(p *ipc.Plan, output string) string {
	if p == nil {
		return ""
	}
	for step := range p.Steps() {
		if slices.Contains(step.Outputs, output) {
			return step.ID
		}
	}
	return ""
}

// dirtyNow asks discovery which of the nodes have changed since they were made.
func (s *Service) dirtyNow(ctx context.Context, ids []string) []ipc.DirtyNode {
	d, err := s.discovery.current()
	if err != nil || len(ids) == 0 {
		return nil
	}
	reply, err := d.Sync(ctx, ipc.SyncRequest{})
	if err != nil {
		s.log.Warn("explain without what is dirty", "error", err)
		return nil
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	return slices.DeleteFunc(reply.Dirty, func(n ipc.DirtyNode) bool { return !wanted[n.ID] })
}

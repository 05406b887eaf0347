package orchestrator

import (
	"context"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/orchestrator/internal/includes"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxChains bounds the chains of one explanation: people do not read more, and each
// further unit costs a question to discovery and reading some hundred files.
const maxChains = 100

// inputsOf lists the files that a node read when it was made last.
func (s *Service) inputsOf(ctx context.Context, id string) []string {
	d, err := s.discovery.current()
	if err != nil {
		return nil
	}
	reply, err := d.Dependents(ctx, ipc.DependentsRequest{Path: id})
	if err != nil {
		s.log.Warn("explain without inputs", "node", id, "error", err)
		return nil
	}
	return reply.Inputs
}

// whatMattered lists the files that were reasons, or are.
func whatMattered(r ipc.ExplainReply) (paths []string) {
	for _, n := range r.Dirty {
		for _, c := range n.Causes {
			paths = append(paths, c.Path)
		}
	}
	for _, f := range r.Records {
		paths = append(paths, f.Reason.Path)
	}
	return paths
}

// unitChains returns what the units of one source read, and how they reach what
// mattered and the files of the project.
func (s *Service) unitChains(ctx context.Context, p *ipc.Plan, ids, mattered []string) (inputs []string, chains []ipc.Chain) {
	texts := includes.NewTexts()
	for _, id := range ids {
		read := s.inputsOf(ctx, id)
		inputs = append(inputs, read...)
		u := p.Unit(id)
		_, parent := includesOf(texts, p, u, read).Reach(u.Source)
		told := map[string]bool{u.Source: true}
		for _, file := range slices.Concat(mattered, read) {
			if told[file] || len(chains) >= maxChains || !isOwn(p, file) && !slices.Contains(mattered, file) {
				continue
			}
			told[file] = true
			if files := includes.Chain(parent, file); files != nil {
				chains = append(chains, ipc.Chain{Unit: nodeName(p, id), Files: files})
			}
		}
	}
	slices.Sort(inputs)
	return slices.Compact(inputs), chains
}

// headerChains returns how each unit among the nodes reaches a file.
func (s *Service) headerChains(ctx context.Context, p *ipc.Plan, nodes []string, file string) (chains []ipc.Chain) {
	if p == nil {
		return nil
	}
	texts := includes.NewTexts()
	for _, id := range nodes {
		u := p.Unit(id)
		if u == nil || len(chains) >= maxChains || ctx.Err() != nil {
			continue
		}
		_, parent := includesOf(texts, p, u, s.inputsOf(ctx, id)).Reach(u.Source)
		if files := includes.Chain(parent, file); files != nil {
			chains = append(chains, ipc.Chain{Unit: nodeName(p, id), Files: files})
		}
	}
	return chains
}

// includesOf makes the graph of a unit. inputs are what it read.
func includesOf(texts *includes.Texts, p *ipc.Plan, u *ipc.Action, inputs []string) *includes.Graph {
	var args []string
	if u.Command < len(p.Commands) {
		args = p.Commands[u.Command].Args
	}
	return includes.New(texts, p.Root, u.Source, args, inputs)
}

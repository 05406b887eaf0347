package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// scope is what a request covers of a plan.
type scope struct {
	actions []int         // indices in plan order: what was asked for and all that it needs
	units   []*ipc.Action // the compiles among them
}

// newScope finds what the request names: targets with all they depend on, or files
// of any target, which are compiled only.
func newScope(g *actionGraph, req ipc.BuildRequest) (scope, error) {
	asked := make([]bool, len(g.plan.Actions))
	var err error
	switch {
	case len(req.Files) > 0:
		err = g.askFiles(asked, req.Files)
	case len(req.Targets) > 0:
		err = g.askTargets(asked, req.Targets)
	default:
		for i := range asked {
			asked[i] = true
		}
	}
	if err != nil {
		return scope{}, err
	}
	return g.withNeeds(asked), nil
}

// withNeeds adds all that the asked actions need.
func (g *actionGraph) withNeeds(asked []bool) (sc scope) {
	for i := range slices.Backward(g.plan.Actions) {
		for _, e := range g.needs[i] {
			asked[e.to] = asked[e.to] || asked[i]
		}
	}
	for i, in := range asked {
		if !in {
			continue
		}
		sc.actions = append(sc.actions, i)
		if a := &g.plan.Actions[i]; a.Kind == ipc.ActionCompile {
			sc.units = append(sc.units, a)
		}
	}
	return sc
}

func (g *actionGraph) askFiles(asked []bool, files []string) error {
	found := map[string]bool{}
	for i := range g.plan.Actions {
		if a := &g.plan.Actions[i]; a.Kind == ipc.ActionCompile && slices.Contains(files, a.Source) {
			found[a.Source] = true
			asked[i] = true
		}
	}
	for _, f := range files {
		if !found[f] {
			return ipc.Errorf(ipc.CodeUnknownFile, "%s is not a source file of any target", f).
				WithHint("%s", didYouMean(f, sourceNames(g.plan), "check sources and exclude_patterns in replibuild.toml"))
		}
	}
	return nil
}

// askTargets asks for targets and those that they depend on: an archive does not contain
// the libraries that it depends on, but a request for it brings them up to date as well.
func (g *actionGraph) askTargets(asked []bool, names []string) error {
	p := g.plan
	for next := names; len(next) > 0; next = next[1:] {
		t := p.Target(next[0])
		if t == nil {
			return ipc.Errorf(ipc.CodeUnknownFile, "there is no target %s in replibuild.toml", next[0]).
				WithHint("%s", didYouMean(next[0], targetNames(p), "its targets are "+list(targetNames(p), 8)))
		}
		if i := g.at[ipc.LinkID(t.Name)]; !asked[i] {
			asked[i] = true
			next = append(slices.Clone(next), t.Depends...)
		}
	}
	return nil
}

func targetNames(p *ipc.Plan) []string {
	names := make([]string, len(p.Targets))
	for i, t := range p.Targets {
		names[i] = t.Name
	}
	return names
}

// goodness is what a build of this scope says when there is nothing to do.
func (sc scope) goodness() goodness {
	return goodness{Units: len(sc.units), Files: firstSources(sc.units)}
}

// firstSources names the sources of the first ten units.
func firstSources(units []*ipc.Action) []string {
	files := make([]string, 0, 10)
	for _, u := range units[:min(len(units), 10)] {
		files = append(files, u.Source)
	}
	return files
}

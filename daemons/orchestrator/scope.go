package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// scope is what a request covers of a plan.
type scope struct {
	units   []ipc.Unit   // in plan order
	targets []ipc.Target // to be linked, in plan order: after those they depend on
}

// newScope finds what the request names: targets with all they depend on, or files
// of any target, which are compiled only.
func newScope(p *ipc.Plan, req ipc.BuildRequest) (scope, error) {
	if len(req.Files) > 0 {
		return scopeOfFiles(p, req.Files)
	}
	if len(req.Targets) == 0 {
		return scope{units: p.Units, targets: p.Targets}, nil
	}
	names, err := withDepends(p, req.Targets)
	if err != nil {
		return scope{}, err
	}
	var sc scope
	for _, t := range p.Targets {
		if names[t.Name] {
			sc.targets = append(sc.targets, t)
		}
	}
	for _, u := range p.Units {
		if names[u.Target] {
			sc.units = append(sc.units, u)
		}
	}
	return sc, nil
}

func scopeOfFiles(p *ipc.Plan, files []string) (scope, error) {
	var sc scope
	found := map[string]bool{}
	for _, u := range p.Units {
		if slices.Contains(files, u.Source) {
			found[u.Source] = true
			sc.units = append(sc.units, u)
		}
	}
	for _, f := range files {
		if !found[f] {
			return scope{}, ipc.Errorf(ipc.CodeUnknownFile, "%s is not a source file of any target", f).
				WithHint("%s", didYouMean(f, sourceNames(p), "check sources and exclude_patterns in replibuild.toml"))
		}
	}
	return sc, nil
}

// withDepends closes a set of target names over their depends.
func withDepends(p *ipc.Plan, names []string) (map[string]bool, error) {
	in := map[string]bool{}
	for next := names; len(next) > 0; next = next[1:] {
		t := p.Target(next[0])
		if t == nil {
			return nil, ipc.Errorf(ipc.CodeUnknownFile, "there is no target %s in replibuild.toml", next[0]).
				WithHint("%s", didYouMean(next[0], targetNames(p), "its targets are "+list(targetNames(p), 8)))
		}
		if !in[t.Name] {
			in[t.Name] = true
			next = append(slices.Clone(next), t.Depends...)
		}
	}
	return in, nil
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
func firstSources(units []ipc.Unit) []string {
	files := make([]string, 0, 10)
	for _, u := range units[:min(len(units), 10)] {
		files = append(files, u.Source)
	}
	return files
}

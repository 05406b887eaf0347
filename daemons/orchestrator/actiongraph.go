package orchestrator

import (
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
)

// actionGraph is a plan with its edges. Actions are known by their index in Plan.Actions,
// in which each comes after those that it needs.
type actionGraph struct {
	plan  *ipc.Plan
	at    map[string]int // by ID
	makes map[string]int // by output: the action that makes it
	needs [][]edge       // by action: what comes before it
	users [][]edge       // by action: what comes after it
}

// edge leads to a neighbour. An order-only edge carries no file: the later action runs
// after the other one, whether its outputs change or not.
type edge struct {
	to        int
	input     string // the file that is made and read
	orderOnly bool
}

// newActionGraph checks that a plan is consistent: a bad plan from a setup daemon of
// another version must not crash this daemon.
func newActionGraph(p *ipc.Plan) (*actionGraph, error) {
	g := &actionGraph{
		plan: p, at: make(map[string]int, len(p.Actions)), makes: make(map[string]int, len(p.Actions)),
		needs: make([][]edge, len(p.Actions)), users: make([][]edge, len(p.Actions)),
	}
	for i, c := range p.Commands {
		if c.Toolchain < 0 || c.Toolchain >= len(p.Toolchains) {
			return nil, brokenPlan("command %d has toolchain %d of %d", i, c.Toolchain, len(p.Toolchains))
		}
	}
	for i := range p.Actions {
		if err := g.add(i); err != nil {
			return nil, err
		}
	}
	for _, t := range p.Targets {
		if i, ok := g.at[ipc.LinkID(t.Name)]; !ok || !p.Actions[i].Links() {
			return nil, brokenPlan("nothing makes the target %s", t.Name)
		}
	}
	return g, nil
}

func brokenPlan(format string, args ...any) error {
	return ipc.Errorf(ipc.CodeInternal, "setup sent a plan that does not hold together: %s", fmt.Sprintf(format, args...)).
		WithHint("`replibuild restart` starts all daemons from one version")
}

// add checks one action and joins it with those before it.
func (g *actionGraph) add(i int) error {
	a := &g.plan.Actions[i]
	if err := g.check(a); err != nil {
		return err
	}
	g.at[a.ID] = i
	for in := range a.Reads() {
		if from, made := g.makes[in]; made {
			g.join(from, i, edge{input: in})
		}
	}
	for _, id := range a.After {
		from, known := g.at[id]
		if !known {
			return brokenPlan("%s comes after %s, which is not before it in the plan", a.ID, id)
		}
		g.join(from, i, edge{orderOnly: true})
	}
	for _, out := range a.Outputs {
		if other, taken := g.makes[out]; taken {
			return brokenPlan("both %s and %s make %s", g.plan.Actions[other].ID, a.ID, out)
		}
		g.makes[out] = i
	}
	return nil
}

func (g *actionGraph) check(a *ipc.Action) error {
	if _, twice := g.at[a.ID]; twice || a.ID == "" {
		return brokenPlan("two actions have the ID %q", a.ID)
	}
	switch a.Kind {
	case ipc.ActionCompile, ipc.ActionArchive, ipc.ActionLink:
		if a.Command < 0 || a.Command >= len(g.plan.Commands) {
			return brokenPlan("%s has command %d of %d", a.ID, a.Command, len(g.plan.Commands))
		}
	case ipc.ActionCommand:
		if len(a.Args) == 0 {
			return brokenPlan("%s runs nothing", a.ID)
		}
	case ipc.ActionPhony:
		return nil
	default:
		return brokenPlan("%s is of the unknown kind %q", a.ID, a.Kind)
	}
	if len(a.Outputs) == 0 {
		return brokenPlan("%s makes nothing", a.ID)
	}
	return nil
}

func (g *actionGraph) join(from, to int, e edge) {
	e.to = to
	g.users[from] = append(g.users[from], e)
	e.to = from
	g.needs[to] = append(g.needs[to], e)
}

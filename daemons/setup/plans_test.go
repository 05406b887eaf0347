package setup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestPlans compares the command lines of small projects.
func TestPlans(t *testing.T) {
	t.Parallel()
	golden(t, "plans", func(t *testing.T, w *world) string { return describe(w.plan()) })
}

// describe writes a plan as the commands that it means.
func describe(p *ipc.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, jobs %d\n", p.Project, p.Version, p.Jobs)
	for i, c := range p.Toolchains {
		fmt.Fprintf(&b, "toolchain %d: %s, %s, %s, %s, linker %s %s\n", i, c.Family, c.CXX, c.CC, c.AR, c.Linker, c.LinkerPath)
	}
	for s := range p.Steps() {
		fmt.Fprintf(&b, "%s: %q from %q to %q\n", s.ID, s.Args, s.Inputs, s.Outputs)
	}
	for u := range p.Units() {
		fmt.Fprintf(&b, "%s: %s\n", u.ID, strings.Join(p.Line(u), " "))
		for _, id := range u.After {
			fmt.Fprintf(&b, "   after %s %q\n", id, p.Action(id).After)
		}
	}
	for _, t := range p.Targets {
		a := p.Action(ipc.LinkID(t.Name))
		c := p.Commands[a.Command]
		fmt.Fprintf(&b, "%s %s (%s, %s): toolchain %d, depends %q, flags %q, inputs %q, libs %q\n   -> %s\n",
			a.Kind, t.Name, t.Kind, c.Lang, c.Toolchain, t.Depends, c.Args, a.Inputs, c.Libs, t.Output)
	}
	for _, n := range p.Notices {
		fmt.Fprintf(&b, "notice: %s\n", n)
	}
	return b.String()
}

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
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s: %q from %q to %q\n", s.ID, s.Command, s.Inputs, s.Outputs)
	}
	for _, u := range p.Units {
		fmt.Fprintf(&b, "%s: %s\n", u.ID, strings.Join(p.CommandLine(&u), " "))
	}
	for _, t := range p.Targets {
		fmt.Fprintf(&b, "link %s (%s, %s): toolchain %d, depends %q, flags %q, inputs %q, libs %q\n   -> %s\n",
			t.Name, t.Kind, t.LinkLang, t.Toolchain, t.Depends, t.LinkFlags, t.LinkInputs, t.Libs, t.Output)
	}
	for _, n := range p.Notices {
		fmt.Fprintf(&b, "notice: %s\n", n)
	}
	return b.String()
}

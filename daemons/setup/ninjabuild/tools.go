package ninjabuild

import (
	"fmt"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

// stage is what a tool needs to be there.
type stage int

const (
	afterFlags stage = iota
	afterLoad
	afterLogs
)

// tool is a subcommand of -t.
type tool struct {
	name, about string
	stage       stage
	run         func(m *program, args []string) error
}

// tools are all of them, in the order of -t list.
func tools() []tool {
	return []tool{
		{"browse", "browse dependency graph in a web browser", afterLoad, browse},
		{"clean", "clean built files", afterLoad, clean},
		{"commands", "list all commands required to rebuild given targets", afterLoad, commands},
		{"inputs", "list all inputs required to rebuild given targets", afterLoad, inputs},
		{"multi-inputs", "print one or more sets of inputs required to build targets", afterLoad, multiInputs},
		{"deps", "show dependencies stored in the deps log", afterLogs, deps},
		{"missingdeps", "check deps log dependencies on generated files", afterLogs, missingDeps},
		{"graph", "output graphviz dot file for targets", afterLoad, dotGraph},
		{"query", "show inputs/outputs for a path", afterLogs, query},
		{"targets", "list targets by their rule or depth in the DAG", afterLoad, listTargets},
		{"compdb", "dump JSON compilation database to stdout", afterLoad, compdb},
		{"compdb-targets", "dump JSON compilation database for a given list of targets to stdout", afterLoad, compdbTargets},
		{"recompact", "recompacts ninja-internal data structures", afterLoad, recompact},
		{"restat", "restats all outputs in the build log", afterFlags, restat},
		{"rules", "list all rules", afterLoad, rules},
		{"cleandead", "clean built files that are no longer produced by the manifest", afterLogs, cleanDead},
	}
}

func (m *program) findTool(name string) (*tool, error) {
	all := tools()
	if name == "list" {
		m.printf("ninja subtools:\n")
		for _, t := range all {
			m.printf("%11s  %s\n", t.name, t.about)
		}
		return nil, exitNow(exitSuccess)
	}
	var names []string
	for i := range all {
		if all[i].name == name {
			return &all[i], nil
		}
		names = append(names, all[i].name)
	}
	return nil, ninja.FatalError("unknown tool '" + name + "'" + didYouMean(name, names...))
}

// toolFlags reads the options of a tool. A mistake prints usage, and so does -h.
func (m *program) toolFlags(spec flagSpec, args []string, usage string, set func(letter rune, value string)) (rest []string, err error) {
	flags := flagSet{flagSpec: spec, args: args}
	for {
		letter, value, done, err := flags.next()
		if err != nil {
			m.errorf("%s: %s\n", m.opts.tool.name, err)
		}
		if err != nil || letter == 'h' {
			m.printf("%s", usage)
			return nil, exitNow(exitFailure)
		}
		if done {
			return flags.rest, nil
		}
		set(letter, value)
	}
}

func browse(*program, []string) error {
	return ninja.FatalError("browse tool not supported on this platform")
}

func restat(m *program, args []string) error {
	spec := flagSpec{"h", []longFlag{{"builddir", 'b', true}, {"help", 'h', false}}}
	outputs, err := m.toolFlags(spec, args, "usage: ninja -t restat [--builddir=DIR] [outputs]\n", func(_ rune, value string) { m.buildDir = value })
	if err != nil {
		return err
	}
	if err := m.loadLogs(); err != nil {
		return err
	}
	if len(m.log.Entries()) == 0 {
		return nil
	}
	if err := m.log.Restat(outputs, m.disk.mtime); err != nil {
		return fmt.Errorf("failed recompaction: %s", reason(err))
	}
	return nil
}

func recompact(m *program, _ []string) error {
	if err := m.loadLogs(); err != nil {
		return err
	}
	if len(m.log.Entries()) > 0 {
		if err := m.log.Recompact(m.dead); err != nil {
			return fmt.Errorf("failed recompaction: %s", reason(err))
		}
	}
	if len(m.deps.Paths()) > 0 {
		if err := m.deps.Recompact(m.liveDeps); err != nil {
			return fmt.Errorf("failed recompaction: %s", reason(err))
		}
	}
	return nil
}

func rules(m *program, args []string) error {
	withDescription := false
	_, err := m.toolFlags(flagSpec{letters: "hd"}, args, `usage: ninja -t rules [options]

options:
  -d     also print the description of the rule
  -h     print this message
`, func(rune, string) { withDescription = true })
	if err != nil {
		return err
	}
	for _, r := range m.graph.Rules() {
		m.printf("%s", r.Name)
		if text, ok := r.Description(); ok && withDescription {
			m.printf(": %s", text)
		}
		m.printf("\n")
	}
	return nil
}

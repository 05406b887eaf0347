package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// planOf asks RepliBuild how it builds the project in dir.
func planOf(ctx context.Context, dir string, env []string) (*ipc.Plan, error) {
	p, err := replibuild.Open(dir, replibuild.Options{Env: env})
	if err != nil {
		return nil, err
	}
	return p.Plan(ctx)
}

// writeBuildFiles writes a build.ninja and a Makefile that run the plan's commands,
// and ccache.ninja, which runs its compilers behind ccache.
func writeBuildFiles(dir string, plan *ipc.Plan) error {
	w := &treeWriter{dir: dir}
	w.write("build.ninja", ninjaText(plan, ""))
	w.write("ccache.ninja", ninjaText(plan, "ccache "))
	w.write("Makefile.bench", makeText(plan))
	return w.err
}

// shellQuote quotes s for sh where it must be.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func shellLine(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return strings.Join(quoted, " ")
}

// dollars doubles $, which both tools expand.
func dollars(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// commandLine is the command of a compile, archive or link with in standing for its inputs
// and out for its output.
func commandLine(plan *ipc.Plan, a *ipc.Action, in, out string) string {
	c := plan.Commands[a.Command]
	program := c.Program(plan.Toolchains[c.Toolchain])
	switch a.Kind {
	case ipc.ActionCompile:
		return shellLine(append([]string{program}, c.Args...)...) + " -c " + in + " -o " + out
	case ipc.ActionArchive:
		return "rm -f " + out + " && " + shellLine(program, "qcsD") + " " + out + " " + in
	}
	return strings.TrimSpace(shellLine(append([]string{program}, c.Args...)...) + " -o " + out + " " + in + " " + shellLine(c.Libs...))
}

// after are the outputs of the actions that an action comes after.
func after(plan *ipc.Plan, a *ipc.Action) (outputs []string) {
	for _, id := range a.After {
		before := plan.Action(id)
		outputs = append(append(outputs, before.Outputs...), after(plan, before)...)
	}
	return outputs
}

func ninjaText(plan *ipc.Plan, launcher string) string {
	var t strings.Builder
	path := strings.NewReplacer("$", "$$", " ", "$ ", ":", "$:").Replace
	t.WriteString("ninja_required_version = 1.5\n")
	rules := map[string]bool{}
	for i := range plan.Actions {
		a := &plan.Actions[i]
		if a.Kind == ipc.ActionPhony {
			continue
		}
		rule, implicit := fmt.Sprintf("%s%d", a.Kind, a.Command), ""
		in := a.Inputs
		switch a.Kind {
		case ipc.ActionCompile:
			in = []string{a.Source}
			if !rules[rule] {
				fmt.Fprintf(&t, "rule %s\n  command = %s%s -MMD -MF $out.d\n  depfile = $out.d\n  deps = gcc\n",
					rule, launcher, inOut(commandLine(plan, a, "@IN@", "@OUT@"), "$in"))
			}
		case ipc.ActionCommand:
			rule = fmt.Sprintf("step%d", i)
			fmt.Fprintf(&t, "rule %s\n  command = mkdir -p %s && %s\n  restat = 1\n", rule, shellQuote(filepath.Dir(a.Output())), dollars(shellLine(a.Args...)))
		default:
			if !rules[rule] {
				fmt.Fprintf(&t, "rule %s\n  command = %s\n  rspfile = $out.rsp\n  rspfile_content = $in_newline\n",
					rule, inOut(commandLine(plan, a, "@IN@", "@OUT@"), "@$out.rsp"))
			}
		}
		rules[rule] = true
		if before := after(plan, a); len(before) > 0 {
			implicit = " || " + joined(before, path)
		}
		fmt.Fprintf(&t, "build %s: %s %s%s\n", joined(a.Outputs, path), rule, joined(in, path), implicit)
	}
	return t.String()
}

// inOut puts ninja's names for the inputs and the output into a command line.
func inOut(line, in string) string {
	return strings.NewReplacer("@IN@", in, "@OUT@", "$out").Replace(dollars(line))
}

func joined(paths []string, escape func(string) string) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = escape(p)
	}
	return strings.Join(out, " ")
}

func makeText(plan *ipc.Plan) string {
	var t strings.Builder
	path := strings.NewReplacer("$", "$$", " ", `\ `, "#", `\#`).Replace
	quoted := func(line string) string { return strings.ReplaceAll(dollars(line), "#", `\#`) }
	var outputs, depfiles []string
	for _, target := range plan.Targets {
		outputs = append(outputs, target.Output)
	}
	fmt.Fprintf(&t, "MAKEFLAGS += -rR\n.PHONY: all\nall: %s\n\n", joined(outputs, path))
	for i := range plan.Actions {
		a := &plan.Actions[i]
		before := joined(after(plan, a), path)
		switch a.Kind {
		case ipc.ActionPhony:
		case ipc.ActionCompile:
			depfiles = append(depfiles, a.Output()+".d")
			fmt.Fprintf(&t, "%s: %s | %s\n\t@mkdir -p $(@D)\n\t@%s -MMD -MP -MF $@.d\n", path(a.Output()), path(a.Source), before,
				strings.NewReplacer("@IN@", "$<", "@OUT@", "$@").Replace(quoted(commandLine(plan, a, "@IN@", "@OUT@"))))
		case ipc.ActionCommand:
			fmt.Fprintf(&t, "%s: %s\n\t@mkdir -p %s\n\t@%s\n", path(a.Output()), joined(a.Inputs, path),
				shellQuote(filepath.Dir(a.Output())), dollars(shellLine(a.Args...)))
			for _, more := range a.Outputs[1:] {
				fmt.Fprintf(&t, "%s: %s ;\n", path(more), path(a.Output()))
			}
		default:
			fmt.Fprintf(&t, "%s: %s\n\t@$(file >$@.rsp,%s)%s\n", path(a.Output()), joined(a.Inputs, path), "$^",
				strings.NewReplacer("@IN@", "@$@.rsp", "@OUT@", "$@").Replace(quoted(commandLine(plan, a, "@IN@", "@OUT@"))))
		}
	}
	fmt.Fprintf(&t, "-include %s\n", joined(depfiles, path))
	return t.String()
}

// removeOutputs deletes what the plan's compiles and links make.
func removeOutputs(dir string, plan *ipc.Plan) error {
	for i := range plan.Actions {
		a := &plan.Actions[i]
		if a.Kind == ipc.ActionCommand {
			continue
		}
		for _, out := range a.Outputs {
			if err := removeIfThere(filepath.Join(dir, out)); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeIfThere(path string) error {
	err := os.Remove(path)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

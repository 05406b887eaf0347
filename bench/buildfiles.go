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

func driver(t ipc.Toolchain, lang string) string {
	if lang == "c" {
		return t.CC
	}
	return t.CXX
}

// objectsOf lists the objects of a target in the plan's order.
func objectsOf(plan *ipc.Plan, target string) []string {
	var objects []string
	for _, u := range plan.Units {
		if u.Target == target {
			objects = append(objects, u.Object)
		}
	}
	return objects
}

// linkLine is the command of a target with in standing for its objects.
func linkLine(plan *ipc.Plan, t ipc.Target, in string) string {
	tools := plan.Toolchains[t.Toolchain]
	if t.Kind == ipc.KindStatic {
		return "rm -f " + shellQuote(t.Output) + " && " + shellLine(tools.AR, "qcsD", t.Output) + " " + in
	}
	words := append([]string{driver(tools, t.LinkLang)}, t.LinkFlags...)
	line := shellLine(append(words, "-o", t.Output)...) + " " + in
	if rest := append(append([]string{}, t.LinkInputs...), t.Libs...); len(rest) > 0 {
		line += " " + shellLine(rest...)
	}
	return line
}

func ninjaText(plan *ipc.Plan, launcher string) string {
	var t strings.Builder
	path := strings.NewReplacer("$", "$$", " ", "$ ", ":", "$:").Replace
	t.WriteString("ninja_required_version = 1.5\n")
	for i, c := range plan.Commands {
		words := append([]string{driver(plan.Toolchains[c.Toolchain], c.Lang)}, c.Args...)
		fmt.Fprintf(&t, "rule cc%d\n  command = %s%s -MMD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n",
			i, launcher, dollars(shellLine(words...)))
	}
	var generated []string
	for i, s := range plan.Steps {
		fmt.Fprintf(&t, "rule step%d\n  command = mkdir -p %s && %s\n  restat = 1\n", i, shellQuote(filepath.Dir(s.Outputs[0])), dollars(shellLine(s.Command...)))
		fmt.Fprintf(&t, "build %s: step%d %s\n", joined(s.Outputs, path), i, joined(s.Inputs, path))
		generated = append(generated, s.Outputs...)
	}
	after := ""
	if len(generated) > 0 {
		after = " || " + joined(generated, path)
	}
	for _, u := range plan.Units {
		fmt.Fprintf(&t, "build %s: cc%d %s%s\n", path(u.Object), u.Command, path(u.Source), after)
	}
	for i, target := range plan.Targets {
		fmt.Fprintf(&t, "rule link%d\n  command = %s\n  rspfile = $out.rsp\n  rspfile_content = $in_newline\n", i, dollars(linkLine(plan, target, "@@RSP@@")))
		implicit := ""
		if len(target.LinkInputs) > 0 {
			implicit = " | " + joined(target.LinkInputs, path)
		}
		fmt.Fprintf(&t, "build %s: link%d %s%s\n", path(target.Output), i, joined(objectsOf(plan, target.Name), path), implicit)
	}
	return strings.ReplaceAll(t.String(), "@@RSP@@", "@$out.rsp")
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
	var outputs, depfiles, generated []string
	for _, target := range plan.Targets {
		outputs = append(outputs, target.Output)
	}
	fmt.Fprintf(&t, "MAKEFLAGS += -rR\n.PHONY: all\nall: %s\n\n", joined(outputs, path))
	for i, c := range plan.Commands {
		words := append([]string{driver(plan.Toolchains[c.Toolchain], c.Lang)}, c.Args...)
		fmt.Fprintf(&t, "CC%d = %s\n", i, strings.ReplaceAll(dollars(shellLine(words...)), "#", `\#`))
	}
	for _, s := range plan.Steps {
		generated = append(generated, s.Outputs...)
		fmt.Fprintf(&t, "%s: %s\n\t@mkdir -p %s\n\t@%s\n", path(s.Outputs[0]), joined(s.Inputs, path),
			shellQuote(filepath.Dir(s.Outputs[0])), dollars(shellLine(s.Command...)))
		for _, more := range s.Outputs[1:] {
			fmt.Fprintf(&t, "%s: %s ;\n", path(more), path(s.Outputs[0]))
		}
	}
	for _, u := range plan.Units {
		depfiles = append(depfiles, u.Object+".d")
		fmt.Fprintf(&t, "%s: %s | %s\n\t@mkdir -p $(@D)\n\t@$(CC%d) -MMD -MP -MF $@.d -c $< -o $@\n", path(u.Object), path(u.Source), joined(generated, path), u.Command)
	}
	for _, target := range plan.Targets {
		inputs := append(objectsOf(plan, target.Name), target.LinkInputs...)
		fmt.Fprintf(&t, "%s: %s\n\t@$(file >$@.rsp,%s)%s\n", path(target.Output), joined(inputs, path),
			"$(filter %.o,$^)", strings.ReplaceAll(dollars(linkLine(plan, target, "@@RSP@@")), "@@RSP@@", "@$@.rsp"))
	}
	fmt.Fprintf(&t, "-include %s\n", joined(depfiles, path))
	return t.String()
}

// removeOutputs deletes what the plan's commands make.
func removeOutputs(dir string, plan *ipc.Plan) error {
	for _, u := range plan.Units {
		if err := removeIfThere(filepath.Join(dir, u.Object)); err != nil {
			return err
		}
	}
	for _, t := range plan.Targets {
		if err := removeIfThere(filepath.Join(dir, t.Output)); err != nil {
			return err
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

package compilation

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// command is what is special about an action that is a command of the plan.
type command struct {
	name    string   // of the program, as the plan has it
	program string   // the file that runs, "" if there is none
	inputs  []string // that it declares, as spelled
	search  string   // the PATH on which the program was looked for
	reuse   string   // ipc.Action.Reuse, "" of a command of ours
	depfile string   // as spelled; "" if there is none that the build system removes
	wrote   []string // what it made beside its outputs when it ran last, as the caller knows
	// untraced: one of its programs does not bear the tracer.
	untraced bool
}

// newCommand makes the action of a command.
func newCommand(w *work, req *ipc.RunRequest, asked *ipc.RunAction) *action {
	c := &command{name: asked.Args[0], search: ipc.EnvValue(req.Env, "PATH"), reuse: asked.Reuse}
	if asked.Depfile != "" {
		c.depfile = snapshot.Spell(w.root, asked.Depfile)
	}
	for _, f := range asked.Beside {
		if sameContent(outputSignature(w.view.Abs(f.Path)), f.Sig) {
			c.wrote = append(c.wrote, f.Path)
		}
	}
	a := &action{
		id: asked.ID, outputs: asked.Outputs, causes: asked.Causes, forced: req.NoCache, exact: true, rank: rankOf(asked), line: asked.Args,
		writing: overOld, command: c,
	}
	a.recipe = &recipe{Kind: asked.Kind, Args: asked.Args, Root: w.root}
	a.recipeID = a.recipe.digest()
	a.base = func() (cache.Digest, error) {
		key := cache.NewKey("command").Digest("recipe", a.recipeID).Field("outputs", asked.Outputs...)
		if c.isOurs() { // else the inputs are also those that the last run named
			key.Field("inputs", asked.Inputs...)
		}
		return key.Sum(), nil
	}
	if c.reuse == ipc.ReuseInPlace {
		a.never = "its programs are not known to make the same each time"
	}
	for _, in := range asked.Inputs {
		// What another build system takes for inputs may be folders, or missing.
		if in = snapshot.Spell(w.root, in); c.isOurs() || w.view.Signature(in).IsRegular() {
			c.inputs = append(c.inputs, in)
		}
	}
	var missed []string
	c.program, missed = findProgram(w, c.name, c.search)
	t := tool{
		args: append([]string{w.view.Abs(c.program)}, asked.Args[1:]...), also: c.files(), missed: missed,
		tracker: w.s.commands, tracedAs: stepShell,
		subject: subject{recipe: a.recipe, key: a.recipeID.String(), tool: asked.Args, command: c, outputs: asked.Outputs, buildDir: w.buildDir},
	}
	a.tool = func(string) tool {
		fresh := t
		fresh.args, fresh.also = slices.Clone(t.args), slices.Clone(t.also)
		return fresh
	}
	return a
}

// isOurs reports a command of a replibuild.toml.
func (c *command) isOurs() bool { return c.reuse == "" }

// files are the declared inputs and the program.
func (c *command) files() []string {
	if c.program == "" {
		return slices.Clone(c.inputs)
	}
	return append(slices.Clone(c.inputs), c.program)
}

// findProgram finds a program as a shell would, and where it looked before.
func findProgram(w *work, name, search string) (found string, misses []string) {
	if strings.Contains(name, "/") {
		return snapshot.Spell(w.root, name), nil
	}
	for _, dir := range filepath.SplitList(search) {
		p := snapshot.Spell(w.root, snapshot.Join(cmp.Or(dir, "."), name))
		switch sig := w.view.Signature(p); {
		case sig.IsRegular() && fs.FileMode(sig.Mode)&0o111 != 0:
			return p, misses
		case !sig.Exists():
			misses = append(misses, p)
		}
	}
	return "", misses
}

// check says what keeps a command from running.
func (c *command) check(w *work, id string) error {
	for _, in := range c.inputs {
		if sig := w.view.Signature(in); !sig.IsRegular() {
			what := "does not exist"
			if sig.Exists() {
				what = "is not a regular file"
			}
			return fmt.Errorf("input %s of %s %s", in, id, what)
		}
	}
	if c.program == "" {
		return fmt.Errorf("there is no program %s on the PATH %s", c.name, c.search)
	}
	return nil
}

// renewed is the record of a command, with the outputs as they are if somebody wrote them
// again with the same content, such as a build in one process: these are as good as ours.
func (w *work) renewed(a *action, rec *record) *record {
	if a.command == nil || !rec.trusted() {
		return rec
	}
	again := *rec
	again.Outputs = slices.Clone(rec.Outputs)
	for i, o := range again.Outputs {
		sig := outputSignature(w.view.Abs(o.Path))
		if sig == o.Sig || a.command.consumed(o.Path, sig) {
			continue
		}
		sum, err := w.view.DigestOf(o.Path)
		if !sig.IsRegular() || err != nil || sum != o.Digest {
			return rec
		}
		again.Outputs[i].Sig = sig
	}
	if slices.Equal(again.Outputs, rec.Outputs) {
		return rec
	}
	w.s.records.put(a.id, &again, a.recipe)
	w.s.saver.changed()
	return &again
}

// consumed reports a dependency file that the build system has read and removed since.
func (c *command) consumed(path string, sig ipc.Signature) bool {
	return c != nil && c.depfile != "" && path == c.depfile && !sig.Exists()
}

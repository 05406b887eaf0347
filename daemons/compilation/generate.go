package compilation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// step is a [[generate]] step on its way. Nobody knows all that such a command reads and
// writes besides what it declares (see run), so its outputs are skipped in place but never
// kept in the cache.
type step struct {
	*attempt
	w       *work
	req     *ipc.RunRequest
	asked   *ipc.RunAction
	program string   // path of what runs, "" if there is none
	files   []string // inputs and the program
	misses  []string // places of the program that come first
}

func newStep(w *work, req *ipc.RunRequest, asked *ipc.RunAction) *step {
	p := &step{w: w, req: req, asked: asked}
	env := slices.Clone(req.Env)
	slices.Sort(env)
	a := &action{id: asked.ID, output: asked.Output(), causes: asked.Causes, exact: true, urgent: true, line: asked.Args}
	a.recipe = &recipe{Kind: ipc.ActionCommand, Args: asked.Args, Env: env, Root: w.root}
	a.recipeID = a.recipe.digest()
	a.base = func() (cache.Digest, error) {
		return cache.NewKey("step").Digest("recipe", a.recipeID).Field("inputs", asked.Inputs...).
			Field("outputs", asked.Outputs...).Sum(), nil
	}
	p.program, p.misses = findProgram(w, asked.Args[0], ipc.EnvValue(req.Env, "PATH"))
	for _, in := range asked.Inputs {
		p.files = append(p.files, snapshot.Spell(w.root, in))
	}
	if p.program != "" {
		p.files = append(p.files, p.program)
	}
	a.tool = func(string) tool { return tool{also: p.files} }
	p.attempt = w.newAttempt(a, w.s.records.get(a.id))
	return p
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

// do brings the step's outputs up to date.
func (p *step) do(ctx context.Context) result {
	if rec := p.inPlace(); rec != nil {
		if rec != p.rec {
			p.w.remember(p.attempt, rec)
		}
		return whenInPlace(p.action, rec)
	}
	reason := p.w.whyMade(p.attempt)
	before, err := p.prepare()
	if err != nil {
		return *p.w.failed(p.attempt, process.Outcome{Exit: -1}, err.Error()+"\n")
	}
	at := p.w.line(p.action, p.rec)
	if err := at.wait(ctx); err != nil {
		return p.w.skipped(p.attempt, err)
	}
	defer at.release()
	if err := p.w.untilSettled(ctx, p.files); err != nil {
		return p.w.skipped(p.attempt, err)
	}
	since := stamps.Now()
	args := append([]string{p.w.view.Abs(p.program)}, p.asked.Args[1:]...)
	o, read, err := p.run(ctx, process.Task{Args: args, Dir: p.w.root, Env: p.w.env, Caller: p.w.caller, Timeout: p.w.timeout}, since, at.slot.Runs)
	p.files = append(p.files, read...)
	switch {
	case err != nil:
		return *p.w.failed(p.attempt, process.Outcome{Exit: -1}, err.Error()+"\n")
	case o.Stopped != nil && !errors.Is(o.Stopped, process.ErrTimeout):
		return p.w.skipped(p.attempt, o.Stopped)
	case !o.OK():
		return *p.w.failed(p.attempt, o, o.Output)
	}
	r := p.settle(o, since, before, reason)
	// What is compiled from the outputs at once is stored only if their stamps are past.
	_ = p.w.untilSettled(ctx, p.asked.Outputs)
	return r
}

// inPlace returns the step's record if nothing has to be done, else nil. An output that
// somebody wrote again with the same content is as good as ours, such as a build in one
// process: from now on it is known by its new signature.
func (p *step) inPlace() *record {
	rec := p.rec
	if !rec.trusted() || rec.Recipe != p.recipeID || rec.Base != p.base || len(rec.Outputs) == 0 {
		return nil
	}
	for i, o := range rec.Outputs {
		sig := outputSignature(p.w.view.Abs(o.Path))
		if sig == o.Sig {
			continue
		}
		sum, err := p.w.view.DigestOf(o.Path)
		if !sig.IsRegular() || err != nil || sum != o.Digest {
			return nil
		}
		if rec == p.rec {
			again := *rec
			again.Outputs = slices.Clone(rec.Outputs)
			rec = &again
		}
		rec.Outputs[i].Sig = sig
	}
	if p.w.view.Compare(rec.Set) != nil {
		return nil
	}
	return rec
}

// prepare checks the inputs, makes the folders of the outputs and returns the content
// that the outputs have before. What is not a file of its own is taken away: the
// command would write through it.
func (p *step) prepare() (before []cache.Digest, err error) {
	for _, in := range p.asked.Inputs {
		if sig := p.w.view.Signature(snapshot.Spell(p.w.root, in)); !sig.IsRegular() {
			what := "does not exist"
			if sig.Exists() {
				what = "is not a regular file"
			}
			return nil, fmt.Errorf("input %s of %s %s", in, p.id, what)
		}
	}
	if p.program == "" {
		return nil, fmt.Errorf("there is no program %s on the PATH %s", p.asked.Args[0], ipc.EnvValue(p.req.Env, "PATH"))
	}
	for _, out := range p.asked.Outputs {
		path := p.w.view.Abs(out)
		if err := p.w.makeFolder(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("make a place for %s: %w", out, err)
		}
		sum, err := p.w.view.DigestOf(out)
		if err != nil || !isOwnFile(path) {
			_ = os.Remove(path) // a folder stays, and the command will say what it thinks of it
		}
		before = append(before, sum)
	}
	return before, nil
}

// settle looks at what the command has made.
func (p *step) settle(o process.Outcome, since int64, before []cache.Digest, reason ipc.Reason) result {
	set, doubt := p.w.inputsOf(&observation{files: p.files, misses: p.misses}, since)
	p.addStamps(&set)
	rec := &record{Recipe: p.recipeID, Base: p.base, Set: p.w.s.tables.Pack(set), Peak: o.Peak, Unsettled: doubt}
	changed := false
	var size int64
	for i, out := range p.asked.Outputs {
		p.w.view.Forget(out)
		path := p.w.view.Abs(out)
		sum, n, err := cache.HashFile(path)
		sig := outputSignature(path)
		if err != nil || !sig.IsRegular() {
			return *p.w.failed(p.attempt, o, fmt.Sprintf("%sthe command succeeded but did not make %s\n", o.Output, out))
		}
		rec.Outputs = append(rec.Outputs, outputRecord{Path: out, Sig: sig, Digest: sum})
		changed = changed || sum != before[i]
		size += n
	}
	p.w.remember(p.attempt, rec)
	return result{rec: rec, UnitResult: ipc.UnitResult{
		ID: p.id, Status: ipc.StatusCompiled, Changed: changed, Reason: reason,
		Seconds: o.Seconds, CPU: o.CPU, Peak: o.Peak, Bytes: size, Diagnostics: o.Output,
	}}
}

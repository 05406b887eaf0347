package compilation

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
)

// recomputeUnderName is [Service.recompute] for a suspect whose tool has to be told the
// outputs' own names. The files that are there are renamed aside, and come back. Outputs
// that the tool does not make twice, such as gcc's with --coverage, say nothing.
func (w *work) recomputeUnderName(ctx context.Context, x suspect) (verdict, string) {
	if !w.s.holds(x) {
		return void, "what it was made from has changed"
	}
	if x.readsOutputs() {
		return void, "it reads its own outputs"
	}
	var made [2][]cache.Digest
	for i := range made {
		var lacking string
		var err error
		made[i], lacking, err = w.makeUnderName(ctx, x)
		switch {
		case ctx.Err() != nil:
			return void, "cancelled"
		case err != nil:
			return unsteady, err.Error()
		case x.makes(made[i]):
			return w.s.judge(x, lacking)
		}
	}
	switch {
	case !w.s.holds(x):
		return void, "what it was made from has changed"
	case !slices.Equal(made[0], made[1]):
		return unsteady, "made twice it is not the same"
	}
	for i, o := range x.outputs {
		if made[0][i] != o.Blob {
			return different, fmt.Sprintf("the cache has %s for %s, made again it is %s", o.Blob.String()[:12], o.path, made[0][i].String()[:12])
		}
	}
	return same, ""
}

// readsOutputs reports whether an output is also an input: made from nothing it may be
// another one.
func (x suspect) readsOutputs() bool {
	return slices.ContainsFunc(x.set.Files, func(f cache.Input) bool {
		return slices.ContainsFunc(x.outputs, func(o entryOutput) bool { return o.path == f.Path })
	})
}

// makes reports whether contents are those of the entry.
func (x suspect) makes(contents []cache.Digest) bool {
	for i, o := range x.outputs {
		if contents[i] != o.Blob {
			return false
		}
	}
	return true
}

// makeUnderName makes the outputs once, returns their contents and removes them. lacking is as
// in [Service.compilePlainly].
func (w *work) makeUnderName(ctx context.Context, x suspect) (contents []cache.Digest, lacking string, err error) {
	a := x.underName
	var paths []string
	for _, o := range x.outputs {
		paths = append(paths, o.path)
	}
	f := &outputFiles{work: w, action: a, old: make(map[string]string)}
	if f.unlock, err = w.lockOutputs(ctx, a, &record{Beside: paths}); err != nil {
		return nil, "", err
	}
	defer f.close()
	if err := f.rename(paths); err != nil {
		return nil, "", err
	}
	defer func() {
		for _, p := range paths {
			_ = os.Remove(w.view.Abs(p)) // the one that was there comes back
		}
	}()
	job := process.Task{Args: a.tool(a.outputs[0]).args, Dir: w.root, Env: w.env, Timeout: w.timeout}
	if lacking, err = w.s.makeAgain(ctx, x, job, paths); err != nil {
		return nil, "", err
	}
	for _, p := range paths {
		sum, _, err := cache.HashFile(w.view.Abs(p))
		if err != nil {
			return nil, "", fmt.Errorf("it is made again without %s", p)
		}
		contents = append(contents, sum)
	}
	return contents, lacking, nil
}

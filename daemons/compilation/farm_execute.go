package compilation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// patience is how long a farm may take for a compile at least, from the question to the
// answer, and farTimes how many times the expected rest of the build it may take: then the compile
// runs here.
const (
	patience = 60 * time.Second
	farTimes = 4
)

// executeThere has a compile executed by the farm, and finishes what it made as if it was made
// here. An error says why there is no result.
func (w *work) executeThere(ctx context.Context, t *attempt) (*result, error) {
	t.mark(ipc.SpanWait)
	reason := w.whyMade(t)
	out, err := w.openOutputs(ctx, t)
	if err != nil {
		return nil, err
	}
	defer out.close()
	w.signKnown(t)
	s, err := w.scanSource(ctx, t, out.given)
	if err != nil {
		return nil, err
	}
	command, job, err := w.jobOf(ctx, t, s, out.given)
	if err != nil {
		return nil, err
	}
	if w.started != nil {
		w.started(t.id)
	}
	dir, err := os.MkdirTemp(w.farm.dir, "job-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	there, err := w.farm.run(ctx, job, dir)
	if err != nil {
		return nil, err
	}
	if there.Exit != 0 {
		t.failedThere = fmt.Sprintf("exit code %d: %s", there.Exit, firstLine(there.Printed))
		return nil, errors.New(t.failedThere)
	}
	if err := w.bringHere(there, command, out, s.seen); err != nil {
		return nil, err
	}
	w.farm.client.Used(there)
	t.took(ipc.SpanRun, time.Since(t.marked()).Seconds())
	if t.looked {
		w.s.store.Miss(reason.Code)
	}
	r := w.finish(t, product{
		outcome: process.Outcome{Output: there.Printed, Seconds: there.Took.Seconds()},
		output:  out.path, seen: s.seen, since: s.since, origin: w.farm.origin,
	}, out, words.There(reason, w.farm.place))
	return r, nil
}

// jobOf is a compile as a job.
func (w *work) jobOf(ctx context.Context, t *attempt, s *scan, output string) (*farmCommand, *farmJob, error) {
	command, err := w.forWorker(s.command, output)
	if err != nil {
		return nil, nil, err
	}
	if err := w.sameFiles(s); err != nil {
		return nil, nil, err
	}
	inputs, err := w.farmInputs(s)
	if err != nil {
		return nil, nil, err
	}
	program, err := filepath.EvalSymlinks(s.command[0])
	if err != nil {
		return nil, nil, err
	}
	tool, err := w.toolOf(ctx, program)
	if err != nil {
		return nil, nil, err
	}
	files, err := w.farm.overlayFile(overlay(inputs, w.root))
	if err != nil {
		return nil, nil, err
	}
	return command, &farmJob{id: t.id, tool: tool, Job: remotecache.Job{
		Args: slices.Concat(startThere, command.args), Inputs: append(inputs, files), Outputs: command.outputs(),
		Limit: patience + time.Duration(farTimes*t.remaining*float64(time.Second)),
	}}, nil
}

// farmJob is a job without its compiler.
type farmJob struct {
	remotecache.Job
	id   string // of the unit
	tool *farmTool
}

// run has a job executed with the compiler that is an input, or with that of the worker.
func (f *farmUse) run(ctx context.Context, j *farmJob, dir string) (*remotecache.Result, error) {
	if f.Toolchain == remotecache.ToolchainWorker {
		return f.runByWorker(ctx, j, dir)
	}
	job := j.Job
	job.Inputs = slices.Concat(job.Inputs, j.tool.inputs)
	return f.client.Execute(ctx, f.Farm, job, dir)
}

// overlayFile writes an overlay to the folder of files on their way. Few differ.
func (f *farmUse) overlayFile(text string) (in remotecache.Input, err error) {
	sum := cache.HashBytes([]byte(text))
	in = remotecache.Input{Name: fileOfOverlay, Digest: sum, Size: int64(len(text)), Path: filepath.Join(f.dir, sum.String())}
	if !isHere(in.Path) {
		err = atomicfile.Write(in.Path, []byte(text))
	}
	return in, err
}

// bringHere puts what a worker made into the places in which a compile here would have written
// it.
func (w *work) bringHere(there *remotecache.Result, command *farmCommand, out *outputFiles, seen *observation) error {
	seen.written, seen.writes, seen.ownRead = nil, nil, nil
	if err := w.copyNew(there.Outputs[objectThere], out.path); err != nil {
		return err
	}
	if command.depfile == "" {
		return nil
	}
	path := command.spelledDepfile(w.root)
	_ = os.Remove(w.view.Abs(path)) // never through a link
	if err := w.copyNew(there.Outputs[depfileThere], w.view.Abs(path)); err != nil {
		return err
	}
	seen.written, seen.writes = []string{path}, map[string]preload.Write{path: {}}
	return nil
}

// copyNew copies a file to a name at which there is none, with the permissions that a compiler
// gives its outputs.
func (w *work) copyNew(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	mode := os.FileMode(0o644)
	if w.caller != nil {
		mode = w.caller.Permissions(0o666)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	if modeErr := f.Chmod(mode); err == nil {
		err = modeErr
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(to)
	}
	return err
}

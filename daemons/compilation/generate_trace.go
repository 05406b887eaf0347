package compilation

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// stepShell is the program for which the tracer of steps is built: one that every system
// has, and that can be asked for its version. Most programs that steps run need the same
// object; the others are not traced.
const stepShell = "/bin/sh"

// run runs the command of a step. read are the files of the project that it read, as far
// as the trace shows: inputs that are not declared. They can only make a step run once
// more.
func (p *step) run(ctx context.Context, job process.Task, since int64, started func(int)) (o process.Outcome, read []string, err error) {
	s := p.w.s
	lib, err := s.tracers.library(ctx, stepShell, job.Env)
	if err != nil {
		o, err = s.spawner.Run(ctx, job, started)
		return o, nil, err
	}
	trace, err := preload.NewTrace()
	if err != nil {
		o, err = s.spawner.Run(ctx, job, started)
		return o, nil, err
	}
	defer trace.Close()
	traced := job
	traced.Env = lib.Env(job.Env, trace)
	o, err = s.spawner.Run(ctx, traced, started)
	if err == nil && o.Stopped == nil && complains(o, lib.Path) {
		o, err = s.spawner.Run(ctx, job, started)
		return o, nil, err
	}
	return o, p.ofProject(s.tracers.reader(p.w.root).Observe(trace, p.asked.Outputs, nil), since), err
}

// ofProject are the files of the project among what was read, without what the step
// wrote, or a program of it that is not traced.
func (p *step) ofProject(o preload.Observation, since int64) (files []string) {
	for _, f := range o.Read {
		f = pythonSource(f)
		if filepath.IsAbs(f) || strings.HasPrefix(f, ".replibuild/") || slices.Contains(o.Written, f) || slices.Contains(files, f) {
			continue
		}
		abs := p.w.view.Abs(f)
		if sig := ipc.StatSignature(abs); sig.IsRegular() && p.w.view.Disks.Latest(abs, sig) < since {
			files = append(files, f)
		}
	}
	return files
}

// pythonSource is the source of a file that Python keeps in compiled form beside it, and
// reads instead.
func pythonSource(file string) string {
	dir, name := path.Split(file)
	module, _, compiled := strings.Cut(name, ".")
	if !compiled || path.Base(dir) != "__pycache__" {
		return file
	}
	return snapshot.Join(path.Dir(path.Clean(dir)), module+".py")
}

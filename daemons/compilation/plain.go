package compilation

import (
	"cmp"
	"context"
	"crypto/rand"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// strayTarget is the target of files that are in no plan.
const strayTarget = "_"

// planMemory keeps the last plan, so that it travels only when it has changed.
type planMemory struct {
	mu   sync.Mutex
	plan *ipc.Plan
}

// get asks setup for the plan of its last caller's environment.
func (m *planMemory) get(ctx context.Context, setup ipc.Setup) (*ipc.Plan, error) {
	if setup == nil {
		return nil, ipc.Errorf(ipc.CodeUnavailable, "the plain compile needs the setup service, and this process has none").
			WithHint("start the daemons, or use `replibuild compile FILE`")
	}
	m.mu.Lock()
	held := m.plan
	m.mu.Unlock()
	req := ipc.PlanRequest{}
	if held != nil {
		req.Known = held.ID
	}
	reply, err := setup.Plan(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case reply.Unchanged && held != nil:
		return held, nil
	case reply.Plan == nil:
		return nil, ipc.Errorf(ipc.CodeInternal, "setup answered without a plan")
	}
	m.mu.Lock()
	m.plan = reply.Plan
	m.mu.Unlock()
	return reply.Plan, nil
}

// Compile implements [ipc.Compilation]: the unit of the plan with more flags, or a
// file outside of the plan with the default toolchain. With flags the object lies
// beneath obj/_, so that the plan's own object stays what the plan says.
func (s *Service) Compile(ctx context.Context, req ipc.CompileRequest) (ipc.CompileReply, error) {
	plan, err := s.plans.get(ctx, s.cfg.Setup)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	file, err := planPath(plan.Root, req.File)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	batch, err := plainBatch(plan, file, req.Flags)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	batch.Build = "plain-" + rand.Text()
	reply := ipc.CompileReply{File: file, Object: batch.Units[0].Object}
	if failed, err := s.runSteps(ctx, plan, batch.Build); err != nil || failed != nil {
		if failed != nil {
			reply.Status, reply.Diagnostics = ipc.StatusFailed, failed.Diagnostics
		}
		return reply, err
	}
	var result ipc.UnitResult
	_, err = s.CompileBatch(ctx, *batch, func(p ipc.BatchProgress) {
		for _, r := range p.Finished {
			result = r
		}
	})
	reply.Status, reply.Seconds, reply.Diagnostics = result.Status, result.Seconds, result.Diagnostics
	return reply, err
}

// runSteps makes what the plan's sources may include. It returns the step that
// failed.
func (s *Service) runSteps(ctx context.Context, plan *ipc.Plan, build string) (*ipc.UnitResult, error) {
	for _, step := range plan.Steps {
		reply, err := s.Generate(ctx, ipc.GenerateRequest{Build: build, Root: plan.Root, BuildDir: plan.BuildDir, Env: plan.Env, Step: step})
		if err != nil {
			return nil, err
		}
		if reply.Result.Status == ipc.StatusFailed {
			return &reply.Result, nil
		}
	}
	return nil, nil
}

// planPath gives a file the form that plans use.
func planPath(root, file string) (string, error) {
	if file == "" || strings.ContainsRune(file, 0) {
		return "", ipc.Errorf(ipc.CodeBadRequest, "file must be a path, not %q", file)
	}
	abs := file
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(root, abs)
	}
	rel, err := filepath.Rel(root, filepath.Clean(abs))
	if err != nil || !filepath.IsLocal(rel) {
		return filepath.ToSlash(filepath.Clean(abs)), nil
	}
	return filepath.ToSlash(rel), nil
}

// plainBatch makes the batch of one file.
func plainBatch(plan *ipc.Plan, file string, flags []string) (*ipc.BatchRequest, error) {
	b := &ipc.BatchRequest{Root: plan.Root, BuildDir: plan.BuildDir, Env: plan.Env, Toolchains: plan.Toolchains}
	unit := firstUnit(plan, file)
	if unit != nil && len(flags) == 0 {
		b.Commands = plan.Commands
		b.Units = []ipc.BatchUnit{{Unit: *unit}}
		return b, nil
	}
	command := ipc.Command{Lang: languageOf(file)}
	target := strayTarget
	if unit != nil {
		command, target = plan.Commands[unit.Command], unit.Target
	} else if len(plan.Toolchains) == 0 {
		return nil, ipc.Errorf(ipc.CodeNoCompiler, "the project has no compiler to compile %s with", file)
	}
	command.Args = slices.Concat(command.Args, flags)
	object := plainObject(plan.BuildDir, target, file, flags)
	b.Commands = []ipc.Command{command}
	b.Units = []ipc.BatchUnit{{Unit: ipc.Unit{ID: "plain:" + object, Target: target, Source: file, Object: object}}}
	return b, nil
}

// firstUnit finds the file's unit of the first target by name.
func firstUnit(plan *ipc.Plan, file string) (unit *ipc.Unit) {
	for i := range plan.Units {
		u := &plan.Units[i]
		if path.Clean(u.Source) == file && (unit == nil || u.Target < unit.Target) {
			unit = u
		}
	}
	return unit
}

// plainObject is where the object of a plain compile lies:
// obj/_/<target>/<flags>/<source>.o, a place for each set of flags.
func plainObject(buildDir, target, file string, flags []string) string {
	dir := []string{cmp.Or(buildDir, "build"), "obj", strayTarget}
	if target != strayTarget {
		dir = append(dir, target)
	}
	if len(flags) > 0 {
		dir = append(dir, cache.NewKey("flags").Field("flags", flags...).Sum().String()[:8])
	}
	name := strings.ReplaceAll(strings.TrimPrefix(file, "/"), "..", "__")
	return path.Join(append(dir, name+".o")...)
}

// languageOf tells C from C++ by the name.
func languageOf(file string) string {
	if path.Ext(file) == ".c" {
		return "c"
	}
	return "c++"
}

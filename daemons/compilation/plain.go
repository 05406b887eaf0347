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

// get asks setup for the plan of its last caller's environment, and for that.
func (m *planMemory) get(ctx context.Context, setup ipc.Setup) (*ipc.Plan, []string, error) {
	if setup == nil {
		return nil, nil, ipc.Errorf(ipc.CodeUnavailable, "the plain compile needs the setup service, and this process has none").
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
		return nil, nil, err
	case reply.Unchanged && held != nil:
		return held, reply.Env, nil
	case reply.Plan == nil:
		return nil, nil, ipc.Errorf(ipc.CodeInternal, "setup answered without a plan")
	}
	m.mu.Lock()
	m.plan = reply.Plan
	m.mu.Unlock()
	return reply.Plan, reply.Env, nil
}

// Compile implements [ipc.Compilation]: the unit of the plan with more flags, or a
// file outside of the plan with the default toolchain. With flags the object lies
// beneath obj/_, so that the plan's own object stays what the plan says.
func (s *Service) Compile(ctx context.Context, req ipc.CompileRequest) (ipc.CompileReply, error) {
	plan, env, err := s.plans.get(ctx, s.cfg.Setup)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	file, err := planPath(plan.Root, req.File)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	request, err := plainRequest(plan, env, file, req.Flags)
	if err != nil {
		return ipc.CompileReply{}, err
	}
	reply := ipc.CompileReply{File: file, Object: request.Actions[0].Output()}
	for _, wave := range wavesBefore(plan, request.Actions[0].ID) {
		before := newPlainRequest(plan, env)
		before.Build, before.Commands, before.Actions = request.Build, plan.Commands, wave
		failed, err := s.runPlain(ctx, before)
		if err != nil || failed.Status == ipc.StatusFailed {
			reply.Status, reply.Diagnostics = failed.Status, failed.Diagnostics
			return reply, err
		}
	}
	result, err := s.runPlain(ctx, *request)
	reply.Status, reply.Seconds, reply.Diagnostics = result.Status, result.Seconds, result.Diagnostics
	return reply, err
}

// runPlain runs a request and returns its first failure, else its last result.
func (s *Service) runPlain(ctx context.Context, req ipc.RunRequest) (result ipc.ActionResult, err error) {
	_, err = s.Run(ctx, req, func(p ipc.RunProgress) {
		for _, r := range p.Finished {
			if result.Status != ipc.StatusFailed {
				result = r
			}
		}
	})
	return result, err
}

// wavesBefore are the actions that a unit comes after, or all steps with what they need
// if it is no unit of the plan. Each wave needs only those before it.
func wavesBefore(plan *ipc.Plan, unit string) (waves [][]ipc.RunAction) {
	wanted := map[string]bool{}
	if plan.Unit(unit) == nil {
		for step := range plan.Steps() {
			wanted[step.ID] = true
		}
	}
	makes := map[string]string{} // by output: the action
	for i := range plan.Actions {
		for _, out := range plan.Actions[i].Outputs {
			makes[out] = plan.Actions[i].ID
		}
	}
	needs := func(a *ipc.Action) []string {
		ids := slices.Clone(a.After)
		for in := range a.Reads() {
			if id := makes[in]; id != "" {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for _, a := range slices.Backward(plan.Actions) {
		if wanted[a.ID] || a.ID == unit {
			for _, id := range needs(&a) {
				wanted[id] = true
			}
		}
	}
	level := map[string]int{}
	for i := range plan.Actions {
		a := &plan.Actions[i]
		if !wanted[a.ID] {
			continue
		}
		for _, id := range needs(a) {
			level[a.ID] = max(level[a.ID], level[id]+1)
		}
		if a.Kind == ipc.ActionPhony {
			continue
		}
		for len(waves) <= level[a.ID] {
			waves = append(waves, nil)
		}
		waves[level[a.ID]] = append(waves[level[a.ID]], ipc.RunAction{Action: *a})
	}
	return slices.DeleteFunc(waves, func(wave []ipc.RunAction) bool { return len(wave) == 0 })
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

// newPlainRequest is an empty request for commands of a plan.
func newPlainRequest(plan *ipc.Plan, env []string) ipc.RunRequest {
	return ipc.RunRequest{Root: plan.Root, BuildDir: plan.BuildDir, Env: env, Toolchains: plan.Toolchains}
}

// plainRequest makes the request for one file.
func plainRequest(plan *ipc.Plan, env []string, file string, flags []string) (*ipc.RunRequest, error) {
	r := newPlainRequest(plan, env)
	r.Build = "plain-" + rand.Text()
	unit := firstUnit(plan, file)
	if unit != nil && len(flags) == 0 {
		r.Commands = plan.Commands
		r.Actions = []ipc.RunAction{{Action: *unit}}
		return &r, nil
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
	r.Commands = []ipc.Command{command}
	r.Actions = []ipc.RunAction{{Action: ipc.Action{
		ID: "plain:" + object, Kind: ipc.ActionCompile, Target: target, Source: file, Outputs: []string{object},
	}}}
	return &r, nil
}

// firstUnit finds the file's unit of the first target by name.
func firstUnit(plan *ipc.Plan, file string) (unit *ipc.Action) {
	for u := range plan.Units() {
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

package setup

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// Config says which project is set up, and where things are.
type Config struct {
	Root        string   // of the project: absolute, symlinks resolved
	StateDir    string   // where plans are remembered over restarts; "" = in memory only
	ProgramFile string   // where all sets of a user keep what they know of compilers; "" = nowhere
	ModulePath  []string // folders with module descriptions, searched after .replibuild/modules
	// Units is the plan to explain a build folder by, see [ipc.PlanRequest]; nil for a project
	// with targets of its own.
	Units func() (*ipc.Plan, error)
	Log   *slog.Logger
}

// Service implements [ipc.Setup] for one project. Its methods may be called by
// several goroutines; plans are made one at a time.
type Service struct {
	cfg    Config
	root   rootid.ID
	goos   string        // tests make plans for other systems
	turn   chan struct{} // holds a value while the state is in use
	state  *state        // nil until first used
	env    []string      // of the last request
	saving sync.WaitGroup
	files  sync.Mutex // of the state file
}

var _ ipc.Setup = (*Service)(nil)

// New makes a service. Until the first request it looks at nothing but the root.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, root: rootid.Of(cfg.Root), goos: runtime.GOOS, turn: make(chan struct{}, 1)}
}

// Close waits until what was learned is written down.
func (s *Service) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.saving.Wait()
	return nil
}

// begin waits until the state is free.
func (s *Service) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.state == nil {
		s.state = loadState(s.cfg.StateDir, s.root, s.cfg.Log)
		s.state.programs.file = s.cfg.ProgramFile
	}
	s.state.Now++
	return nil
}

// end frees the state. New state is written to disk in the background. Only its encoding,
// some 30 ms for 10,000 units, holds the state, and the caller does not wait for it.
func (s *Service) end() {
	if !s.state.changed || s.cfg.StateDir == "" {
		<-s.turn
		return
	}
	s.state.changed = false
	s.saving.Go(func() {
		text, err := s.state.encode(s.root)
		<-s.turn
		s.files.Lock()
		defer s.files.Unlock()
		if err == nil {
			err = rootid.MakeFolder(s.cfg.StateDir)
		}
		if err == nil {
			err = atomicfile.Write(filepath.Join(s.cfg.StateDir, stateFile), text)
		}
		if err != nil {
			s.cfg.Log.Warn("remember plans", "error", err)
		}
	})
}

// environment is what a request's compilers run with: its own, else that of the last
// request, else a bare PATH. The state is in use.
func (s *Service) environment(env []string) []string {
	if len(env) == 0 {
		env = s.env
	}
	if len(env) == 0 {
		env = s.state.Env
	}
	env = environment.WithPath(env)
	s.env = env
	if kept, _ := environment.WithoutSecrets(env); !slices.Equal(kept, s.state.Env) {
		s.state.Env = kept
		s.state.changed = true
	}
	return env
}

func (s *Service) planner(ctx context.Context, env []string) *planner {
	return &planner{
		ctx: ctx, root: s.cfg.Root, goos: s.goos, env: env, modules: s.cfg.ModulePath,
		state: s.state, w: newWatcher(newStatCache()), problems: &problems{},
	}
}

// Plan implements [ipc.Setup].
func (s *Service) Plan(ctx context.Context, req ipc.PlanRequest) (ipc.PlanReply, error) {
	if err := s.begin(ctx); err != nil {
		return ipc.PlanReply{}, err
	}
	defer s.end()
	if req.Explain && s.cfg.Units != nil {
		plan, err := s.cfg.Units()
		return ipc.PlanReply{Plan: plan}, err
	}
	env := s.environment(req.Env)
	plan, err := s.plan(ctx, env)
	if err != nil {
		return ipc.PlanReply{}, err
	}
	reply := ipc.PlanReply{ID: plan.ID, Unchanged: plan.ID == req.Known}
	if !reply.Unchanged {
		reply.Plan = plan
	}
	if len(req.Env) == 0 {
		reply.Env = env
	}
	return reply, nil
}

// plan returns the known plan if it holds, else makes one.
func (s *Service) plan(ctx context.Context, env []string) (*ipc.Plan, error) {
	p := s.planner(ctx, env)
	for _, whole := range []bool{false, true} {
		plan := s.state.plan(environment.PlanDigest(env, whole), p.w.statCache)
		if plan != nil && plan.WholeEnvironment == whole {
			return plan, nil
		}
	}
	plan, err := p.run()
	if err != nil {
		return nil, err
	}
	if err := p.problems.err(); err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, p.project.build.errOtherSystem(p.root)
	}
	s.state.keep(environment.PlanDigest(env, plan.WholeEnvironment), plan, p.w.deps, p.scanned)
	return plan, nil
}

// Validate implements [ipc.Setup].
func (s *Service) Validate(ctx context.Context, req ipc.ValidateRequest) (ipc.ValidateReply, error) {
	if err := s.begin(ctx); err != nil {
		return ipc.ValidateReply{}, err
	}
	defer s.end()
	p := s.planner(ctx, s.environment(req.Env))
	if _, err := p.run(); err != nil {
		return ipc.ValidateReply{}, err
	}
	reply := ipc.ValidateReply{Problems: p.problems.sorted(), Files: []string{configFile}}
	if reply.Problems == nil {
		reply.Problems = []ipc.Problem{}
	}
	if p.resolver != nil {
		reply.Files = append(reply.Files, p.resolver.store.files...)
	}
	return reply, nil
}

// Toolchain implements [ipc.Setup]. It needs compilers, and no more of the
// configuration than says which.
func (s *Service) Toolchain(ctx context.Context, req ipc.ToolchainRequest) (ipc.ToolchainReply, error) {
	if err := s.begin(ctx); err != nil {
		return ipc.ToolchainReply{}, err
	}
	defer s.end()
	p := s.planner(ctx, s.environment(req.Env))
	if req.Archiver != "" {
		return p.archiver(req.Archiver)
	}
	switch {
	case req.Compiler != "":
		p.targets = []*target{{table: settings{compiler: word{text: req.Compiler}, linker: word{text: "default"}}}}
	case p.load():
		p.makeTargets()
		p.problems = &problems{}
	}
	if err := p.findCompilers(); err != nil {
		return ipc.ToolchainReply{}, err
	}
	if err := p.problems.err(); err != nil {
		return ipc.ToolchainReply{}, err
	}
	var reply ipc.ToolchainReply
	for _, c := range p.chains {
		reply.Toolchains = append(reply.Toolchains, c.Toolchain)
	}
	return reply, nil
}

// archiver describes an archiver alone.
func (p *planner) archiver(name string) (ipc.ToolchainReply, error) {
	t, err := (&prober{root: p.root, env: p.env, state: p.state}).archiverChain(p.ctx, p.w, name)
	if p.ctx.Err() != nil {
		return ipc.ToolchainReply{}, p.ctx.Err()
	}
	if err != nil {
		return ipc.ToolchainReply{}, ipc.Errorf(ipc.CodeNoCompiler, "the archiver %s: %v", name, err)
	}
	return ipc.ToolchainReply{Toolchains: []ipc.Toolchain{t}}, nil
}

// Modules implements [ipc.Setup].
func (s *Service) Modules(ctx context.Context, req ipc.ModulesRequest) (ipc.ModulesReply, error) {
	if err := s.begin(ctx); err != nil {
		return ipc.ModulesReply{}, err
	}
	defer s.end()
	p := s.planner(ctx, s.environment(req.Env))
	if !p.load() {
		return ipc.ModulesReply{}, p.problems.err()
	}
	p.makeTargets()
	if err := p.findCompilers(); err != nil {
		return ipc.ModulesReply{}, err
	}
	if err := p.findModules(); err != nil {
		return ipc.ModulesReply{}, err
	}
	used := p.resolver.all(true)
	p.resolver.problems = &problems{} // optional: it may be missing
	p.resolver.store.problems = p.resolver.problems
	if p.resolver.pkg.program == "" {
		p.resolver.pkg = newPkgConfig(ctx, s.state, p.w, p.root, p.env)
	}
	for _, name := range p.resolver.store.names() {
		p.resolver.offer(name)
	}
	if p.resolver.errs != nil {
		return ipc.ModulesReply{}, p.resolver.errs
	}
	return ipc.ModulesReply{Modules: append(used, p.resolver.all(false)...)}, nil
}

package replibuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/RepliBuild/replibuild/daemons/orchestrator"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// CompileOptions says what to build and how; the zero value builds all targets
// through the daemons and prints nothing.
type CompileOptions struct {
	Targets  []string // names of targets; with no Files either: all
	Files    []string // sources relative to the root: compile only these, link nothing
	Jobs     int      // at most so many compilers at a time; 0 = parallel_jobs, beneath `make -j` what it has free
	NoCache  bool     // compile even what the cache holds
	NoDaemon bool     // all four services in this process
	Daemons  bool     // use daemons although CI is set
	Detach   bool     // return at once, the daemons build on
	Trace    bool     // events tell where the time went: BuildPhase, and spans of what was made
	// TimeTrace is a folder for what clang's -ftime-trace says of each unit that is
	// compiled, see ipc.TimeTraceFile; "" = none.
	TimeTrace string
	// WaitUploads returns only when what may serve in other folders and on other machines
	// is stored there: for CI, whose process ends with the build.
	WaitUploads bool
	Trigger     string          // ipc.TriggerCommand if ""
	OnEvent     func(ipc.Event) // called in order, never concurrently; may be nil
}

// Compile builds. It starts the daemons when auto_start allows it and runs the
// same services in this process when it may not use them, or when they go away
// while it builds.
func (p *Project) Compile(ctx context.Context, o CompileOptions) (Result, error) {
	onEvent := o.OnEvent
	if onEvent == nil {
		onEvent = func(ipc.Event) {}
	}
	alone := !p.usesDaemons(ctx, o)
	var to contact
	if !alone && p.config.Enabled(ipc.NameOrchestrator) {
		to = p.contact(ctx)
		defer to.client.Close()
	}
	request := ipc.BuildRequest{
		Env: p.env, Caller: caller.Own(), Targets: o.Targets, Files: o.Files, Jobs: o.Jobs,
		NoCache: o.NoCache, Trigger: o.Trigger, Detach: o.Detach, Trace: o.Trace, TimeTrace: o.TimeTrace, WaitUploads: o.WaitUploads,
	}
	p.tellHome(onEvent)
	if o.Jobs == 0 && !o.Detach {
		tokens, jobs, notice := takeTokens(p.env, p.slots())
		defer p.returnTokens(tokens, onEvent)
		request.Jobs = jobs
		if notice != nil {
			onEvent(ipc.NewEvent("", *notice))
		}
	}
	if !alone {
		if why := p.unfit(request.Caller); why != nil {
			onEvent(ipc.NewEvent("", *why))
			alone = true
		}
	}
	if alone {
		if o.Detach {
			return Result{}, ipc.Errorf(ipc.CodeUnavailable, "cannot build in the background without daemons").
				WithHint("start them with `replibuild start`, or leave out --detach")
		}
		return p.buildHere(ctx, request, false, onEvent)
	}
	return p.buildThroughDaemons(ctx, to, request, onEvent)
}

// contact is a client of the orchestrator that connects in the background, while the
// command looks at its own process.
type contact struct {
	client  *ipc.OrchestratorClient // nil: the orchestrator is disabled
	reached chan error
}

func (p *Project) contact(ctx context.Context) contact {
	c := contact{p.orchestratorClient(), make(chan error, 1)}
	go func() { c.reached <- c.client.Connect(ctx) }()
	return c
}

// tellHome says that RepliBuild's own folder is a temporary one, once for each such folder.
func (p *Project) tellHome(onEvent func(ipc.Event)) {
	if p.homeNotice == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(p.paths.Home, "told"), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // told, or another process is doing so
	}
	f.Close()
	onEvent(ipc.NewEvent("", ipc.Notice{
		Level: "warning", Message: p.homeNotice, Hint: "set HOME, or REPLIBUILD_HOME to a folder of your own",
	}))
}

// slots is how many compilers a build runs if no other limit is set.
func (p *Project) slots() int {
	return cmp.Or(p.config.Daemons.Compilation.ParallelJobs, runtime.NumCPU())
}

// returnTokens gives make its job slots back.
func (p *Project) returnTokens(t *tokens, onEvent func(ipc.Event)) {
	if err := t.giveBack(); err != nil {
		onEvent(ipc.NewEvent("", ipc.Notice{Level: "warning", Message: err.Error()}))
	}
}

// usesDaemons decides between the set and this process. It is false with NoDaemon, in CI,
// and if the set does not run and must not be started.
func (p *Project) usesDaemons(ctx context.Context, o CompileOptions) bool {
	switch {
	case o.NoDaemon, p.InCI() && !o.Daemons:
		return false
	case p.config.Daemons.AutoStart:
		return true
	}
	for _, d := range p.Status(ctx).Daemons {
		if d.State == ipc.StateRunning {
			return true
		}
	}
	return false
}

// buildThroughDaemons asks the orchestrator daemon, and takes its place for the
// rest of the build when it is disabled, does not start or stops answering.
func (p *Project) buildThroughDaemons(ctx context.Context, to contact, request ipc.BuildRequest, onEvent func(ipc.Event)) (Result, error) {
	if to.client == nil {
		p.startMissing(ctx, onEvent)
		return p.buildHere(ctx, request, true, onEvent)
	}
	if err := <-to.reached; err != nil || p.outdated() || p.reviveCrashed(ctx, onEvent) {
		p.startMissing(ctx, onEvent)
	}
	reply, err := to.client.Build(ctx, request, onEvent)
	if !errors.Is(err, ipc.ErrUnreachable) || ctx.Err() != nil {
		return reply, err
	}
	onEvent(ipc.NewEvent("", ipc.Notice{
		Level:   "warning",
		Code:    ipc.CodeUnreachable,
		Message: "the orchestrator daemon does not answer; building in this process",
		Hint:    "`replibuild ensure` restarts it, `replibuild logs orchestrator` says what happened",
	}))
	return p.buildHere(ctx, request, true, func(e ipc.Event) {
		if n, ok := e.Body.(ipc.Notice); ok && n.Code == orchestrator.NoticeLocked {
			return // it is the daemon that was just given up
		}
		onEvent(e)
	})
}

// outdated reports whether the orchestrator speaks another protocol: another version has
// started it. It still answers a ping.
func (p *Project) outdated() bool {
	e, err := p.supervisor().Endpoint(ipc.NameOrchestrator)
	return err == nil && e.Protocol != ipc.Protocol
}

// reviveCrashed names the other daemons that crashed, and reports whether they are to be
// started again. A build with nothing to do does not ask them, so it would not notice.
func (p *Project) reviveCrashed(ctx context.Context, onEvent func(ipc.Event)) bool {
	set, gone := p.supervisor(), false
	for _, name := range ipc.DaemonNames() {
		gone = gone || p.config.Enabled(name) && !set.Alive(name)
	}
	if !gone {
		return false
	}
	crashed, what := false, "; starting it again"
	if !p.config.Daemons.AutoStart {
		what = "; building without it"
	}
	for _, d := range p.Status(ctx).Daemons {
		if d.State != ipc.StateCrashed {
			continue
		}
		crashed = true
		onEvent(ipc.NewEvent("", ipc.Notice{
			Level: "warning", Code: ipc.CodeUnreachable,
			Message: fmt.Sprintf("the %s daemon has crashed%s", d.Name, what),
			Hint:    fmt.Sprintf("`replibuild logs %s` shows what happened", d.Name),
		}))
	}
	return crashed && p.config.Daemons.AutoStart
}

// startMissing starts the set as `ensure` does. What cannot be started is a notice,
// not an error: the build goes on without it.
func (p *Project) startMissing(ctx context.Context, onEvent func(ipc.Event)) {
	_, _, err := p.Ensure(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	onEvent(ipc.NewEvent("", ipc.Notice{
		Level: "warning", Code: ipc.CodeOf(err),
		Message: "could not start the daemons: " + err.Error(),
		Hint:    "building without them; `replibuild doctor` looks for the cause",
	}))
}

// buildHere runs the orchestrator as a value of this process, on the other daemons
// where remote is set, else on services of this process too.
func (p *Project) buildHere(ctx context.Context, request ipc.BuildRequest, remote bool, onEvent func(ipc.Event)) (Result, error) {
	w := newWiring(p, nil)
	defer w.close()
	o, err := w.orchestrator(ctx, remote)
	if err != nil {
		return Result{}, err
	}
	return keep(w, o).Build(ctx, request, onEvent)
}

package replibuild

import (
	"context"
	"errors"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// dialer reaches one daemon of the set by its endpoint file, read anew each time:
// a daemon that was restarted listens elsewhere with another secret.
func (p *Project) dialer(name string) ipc.Dialer {
	return daemons.Dialer(p.paths, name)
}

func (p *Project) orchestratorClient() *ipc.OrchestratorClient {
	return ipc.NewOrchestratorClient(p.dialer(ipc.NameOrchestrator))
}

// ask calls a service on its daemon, and on a service of this process when the
// daemon does not answer.
func ask[S, R any](p *Project, remote S, closeRemote func() error, local func(*wiring) (S, func() error, error), call func(S) (R, error)) (R, error) {
	defer closeRemote()
	reply, err := call(remote)
	if !errors.Is(err, ipc.ErrUnreachable) {
		return reply, err
	}
	w := newWiring(p, nil)
	defer w.close()
	service, closing, err := local(w)
	if err != nil {
		return reply, err
	}
	defer closing()
	return call(service)
}

func askOrchestrator[R any](ctx context.Context, p *Project, call func(ipc.Orchestrator) (R, error)) (R, error) {
	c := p.orchestratorClient()
	local := func(w *wiring) (ipc.Orchestrator, func() error, error) {
		o, err := w.orchestrator(ctx, false)
		if err != nil {
			return nil, nil, err
		}
		return o, o.Close, nil
	}
	return ask(p, ipc.Orchestrator(c), c.Close, local, call)
}

func askSetup[R any](p *Project, call func(ipc.Setup) (R, error)) (R, error) {
	c := ipc.NewSetupClient(p.dialer(ipc.NameSetup))
	local := func(w *wiring) (ipc.Setup, func() error, error) { return w.setupBackend(false).Local() }
	return ask(p, ipc.Setup(c), c.Close, local, call)
}

func askCompilation[R any](p *Project, call func(ipc.Compilation) (R, error)) (R, error) {
	c := ipc.NewCompilationClient(p.dialer(ipc.NameCompilation))
	local := func(w *wiring) (ipc.Compilation, func() error, error) { return w.compilationBackend(false).Local() }
	return ask(p, ipc.Compilation(c), c.Close, local, call)
}

// Plan returns how every file is compiled, for the caller's environment.
func (p *Project) Plan(ctx context.Context) (*ipc.Plan, error) {
	reply, err := askSetup(p, func(s ipc.Setup) (ipc.PlanReply, error) {
		return s.Plan(ctx, ipc.PlanRequest{Env: p.env})
	})
	return reply.Plan, err
}

// Validate reports every mistake in the configuration, the user's own file included.
func (p *Project) Validate(ctx context.Context) (ipc.ValidateReply, error) {
	r, err := askSetup(p, func(s ipc.Setup) (ipc.ValidateReply, error) {
		return s.Validate(ctx, ipc.ValidateRequest{Env: p.env})
	})
	if err != nil {
		return r, err
	}
	return p.withUserFile(r), nil
}

// Modules lists the modules that can be found, and those that the project uses.
func (p *Project) Modules(ctx context.Context) ([]ipc.Module, error) {
	reply, err := askSetup(p, func(s ipc.Setup) (ipc.ModulesReply, error) {
		return s.Modules(ctx, ipc.ModulesRequest{Env: p.env})
	})
	return reply.Modules, err
}

// History returns past builds, newest first.
func (p *Project) History(ctx context.Context, r ipc.HistoryRequest) (ipc.HistoryReply, error) {
	return askOrchestrator(ctx, p, func(o ipc.Orchestrator) (ipc.HistoryReply, error) { return o.History(ctx, r) })
}

// Explain says from recorded facts when and why a file or target was last made.
// The subject is a path relative to the root or a target's name.
func (p *Project) Explain(ctx context.Context, subject string) (ipc.ExplainReply, error) {
	reply, err := askOrchestrator(ctx, p, func(o ipc.Orchestrator) (ipc.ExplainReply, error) {
		return o.Explain(ctx, ipc.ExplainRequest{Subject: subject})
	})
	if p.BuildFolder() && (err == nil && reply.Kind == "header" || ipc.CodeOf(err) == ipc.CodeUnknownFile) {
		return p.withReaders(reply, subject, err)
	}
	return reply, err
}

// Graph shows the includes below a file as the last compile read them, with what each
// costs.
func (p *Project) Graph(ctx context.Context, subject string) (ipc.GraphReply, error) {
	return askOrchestrator(ctx, p, func(o ipc.Orchestrator) (ipc.GraphReply, error) {
		return o.Graph(ctx, ipc.GraphRequest{Subject: subject})
	})
}

// Dependents names what read a file when it was last made.
func (p *Project) Dependents(ctx context.Context, path string) (ipc.DependentsReply, error) {
	c := ipc.NewDiscoveryClient(p.dialer(ipc.NameDiscovery))
	local := func(w *wiring) (ipc.Discovery, func() error, error) {
		return w.discoveryBackend(ctx, false).Local()
	}
	return ask(p, ipc.Discovery(c), c.Close, local, func(d ipc.Discovery) (ipc.DependentsReply, error) {
		return d.Dependents(ctx, ipc.DependentsRequest{Path: path})
	})
}

// Doubts says which results are made again by each build, and why.
func (p *Project) Doubts(ctx context.Context) ([]ipc.Doubt, error) {
	reply, err := askCompilation(p, func(c ipc.Compilation) (ipc.DoubtsReply, error) {
		return c.Doubts(ctx, ipc.DoubtsRequest{})
	})
	return reply.Doubts, err
}

// CacheStats returns the numbers of the project's cache.
func (p *Project) CacheStats(ctx context.Context) (ipc.CacheStatsReply, error) {
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheStatsReply, error) {
		return c.CacheStats(ctx, ipc.CacheStatsRequest{})
	})
}

// ClearCache empties the project's cache; the reply's token undoes it.
func (p *Project) ClearCache(ctx context.Context) (ipc.CacheClearReply, error) {
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheClearReply, error) {
		return c.CacheClear(ctx, ipc.CacheClearRequest{})
	})
}

// ShareCache finishes storing what may serve in other folders, beyond the project's cache.
func (p *Project) ShareCache(ctx context.Context) (ipc.CacheShareReply, error) {
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheShareReply, error) {
		return c.CacheShare(ctx, ipc.CacheShareRequest{})
	})
}

// EvictUnused removes what the cache has not been asked for in a time.
func (p *Project) EvictUnused(ctx context.Context, unused time.Duration) (ipc.CacheClearReply, error) {
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheClearReply, error) {
		return c.CacheClear(ctx, ipc.CacheClearRequest{UnusedSeconds: unused.Seconds()})
	})
}

// RestoreCache undoes a ClearCache within its seconds.
func (p *Project) RestoreCache(ctx context.Context, token string) (ipc.CacheRestoreReply, error) {
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheRestoreReply, error) {
		return c.CacheRestore(ctx, ipc.CacheRestoreRequest{Token: token})
	})
}

// VerifyCache reads back a sample of what is stored, everything with sample 0. With
// compile it also compiles again, plainly, what the cache has for the units of the
// project as they are now, and compares.
func (p *Project) VerifyCache(ctx context.Context, sample int, compile bool) (ipc.CacheVerifyReply, error) {
	req := ipc.CacheVerifyRequest{Sample: sample, Env: p.env}
	if compile {
		plan, err := p.Plan(ctx)
		if err != nil {
			return ipc.CacheVerifyReply{}, err
		}
		bare := *plan
		bare.Track = ipc.Track{} // the inputs of the plan do not matter here
		req.Plan = &bare
	}
	return askCompilation(p, func(c ipc.Compilation) (ipc.CacheVerifyReply, error) {
		return c.CacheVerify(ctx, req)
	})
}

// offlineCache reads the cache's numbers from its folder, for a status without a
// compilation daemon.
func (p *Project) offlineCache() ipc.CacheSummary {
	w := newWiring(p, nil)
	defer w.close()
	s := w.openStore().Stats()
	return ipc.CacheSummary{Hits: s.Hits, Misses: s.Misses, Bytes: s.Bytes}
}

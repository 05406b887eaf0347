package ipc

import "context"

var _ Compilation = (*CompilationClient)(nil)

// CompilationClient is the compilation service over a connection.
type CompilationClient struct {
	*Client
	environment sentEnvironment
}

// NewCompilationClient makes a client; it connects when it is first used.
func NewCompilationClient(dial Dialer) *CompilationClient {
	return &CompilationClient{Client: newClient(dial)}
}

// Compile implements [Compilation].
func (c *CompilationClient) Compile(ctx context.Context, req CompileRequest) (CompileReply, error) {
	return call[CompileReply](ctx, c.Client, "compile", req)
}

// Run implements [Compilation]. The environment is sent once, and only named in the requests
// that follow, as long as the service knows it.
func (c *CompilationClient) Run(ctx context.Context, req RunRequest, fn func(RunProgress)) (RunReply, error) {
	env, sent := req.Env, false
	if len(env) > 0 {
		req.EnvID, sent = c.environment.name(env)
	}
	if sent {
		req.Env = nil
	}
	reply, err := stream[RunProgress, RunReply](ctx, c.Client, "run", req, fn)
	if sent && CodeOf(err) == CodeNotFound {
		req.Env = env
		reply, err = stream[RunProgress, RunReply](ctx, c.Client, "run", req, fn)
	}
	if err == nil && !sent {
		c.environment.was(env, req.EnvID)
	}
	return reply, err
}

// Cancel implements [Compilation].
func (c *CompilationClient) Cancel(ctx context.Context, req CancelRequest) (CancelReply, error) {
	return call[CancelReply](ctx, c.Client, "cancel", req)
}

// CacheStats implements [Compilation].
func (c *CompilationClient) CacheStats(ctx context.Context, req CacheStatsRequest) (CacheStatsReply, error) {
	return call[CacheStatsReply](ctx, c.Client, "cache_stats", req)
}

// CacheShare implements [Compilation].
func (c *CompilationClient) CacheShare(ctx context.Context, req CacheShareRequest) (CacheShareReply, error) {
	return call[CacheShareReply](ctx, c.Client, "cache_share", req)
}

// CacheClear implements [Compilation].
func (c *CompilationClient) CacheClear(ctx context.Context, req CacheClearRequest) (CacheClearReply, error) {
	return call[CacheClearReply](ctx, c.Client, "cache_clear", req)
}

// CacheRestore implements [Compilation].
func (c *CompilationClient) CacheRestore(ctx context.Context, req CacheRestoreRequest) (CacheRestoreReply, error) {
	return call[CacheRestoreReply](ctx, c.Client, "cache_restore", req)
}

// CacheVerify implements [Compilation].
func (c *CompilationClient) CacheVerify(ctx context.Context, req CacheVerifyRequest) (CacheVerifyReply, error) {
	return call[CacheVerifyReply](ctx, c.Client, "cache_verify", req)
}

// Inputs implements [Compilation].
func (c *CompilationClient) Inputs(ctx context.Context, req InputsRequest) (InputsReply, error) {
	return call[InputsReply](ctx, c.Client, "inputs", req)
}

// Doubts implements [Compilation].
func (c *CompilationClient) Doubts(ctx context.Context, req DoubtsRequest) (DoubtsReply, error) {
	return call[DoubtsReply](ctx, c.Client, "doubts", req)
}

// Launches implements [Compilation].
func (c *CompilationClient) Launches(ctx context.Context, req LaunchesRequest) (LaunchesReply, error) {
	return call[LaunchesReply](ctx, c.Client, "launches", req)
}

package ipc

import "context"

var _ Compilation = (*CompilationClient)(nil)

// CompilationClient is the compilation service over a connection.
type CompilationClient struct{ *Client }

// NewCompilationClient makes a client; it connects when it is first used.
func NewCompilationClient(dial Dialer) *CompilationClient { return &CompilationClient{newClient(dial)} }

// Compile implements [Compilation].
func (c *CompilationClient) Compile(ctx context.Context, req CompileRequest) (CompileReply, error) {
	return call[CompileReply](ctx, c.Client, "compile", req)
}

// Run implements [Compilation].
func (c *CompilationClient) Run(ctx context.Context, req RunRequest, fn func(RunProgress)) (RunReply, error) {
	return stream[RunProgress, RunReply](ctx, c.Client, "run", req, fn)
}

// Cancel implements [Compilation].
func (c *CompilationClient) Cancel(ctx context.Context, req CancelRequest) (CancelReply, error) {
	return call[CancelReply](ctx, c.Client, "cancel", req)
}

// CacheStats implements [Compilation].
func (c *CompilationClient) CacheStats(ctx context.Context, req CacheStatsRequest) (CacheStatsReply, error) {
	return call[CacheStatsReply](ctx, c.Client, "cache_stats", req)
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

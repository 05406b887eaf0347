package ipc

import "context"

var _ Orchestrator = (*OrchestratorClient)(nil)

// OrchestratorClient is the orchestrator service over a connection.
type OrchestratorClient struct{ *Client }

// NewOrchestratorClient makes a client; it connects when it is first used.
func NewOrchestratorClient(dial Dialer) *OrchestratorClient {
	return &OrchestratorClient{newClient(dial)}
}

// Build implements [Orchestrator].
func (c *OrchestratorClient) Build(ctx context.Context, req BuildRequest, fn func(Event)) (BuildReply, error) {
	return stream[Event, BuildReply](ctx, c.Client, "build", req, fn)
}

// Announce implements [Orchestrator].
func (c *OrchestratorClient) Announce(ctx context.Context, req AnnounceRequest, fn func(Event)) (AnnounceReply, error) {
	return stream[Event, AnnounceReply](ctx, c.Client, "announce", req, fn)
}

// Report implements [Orchestrator].
func (c *OrchestratorClient) Report(ctx context.Context, req ReportRequest) (ReportReply, error) {
	return call[ReportReply](ctx, c.Client, "report", req)
}

// Cancel implements [Orchestrator].
func (c *OrchestratorClient) Cancel(ctx context.Context, req CancelRequest) (CancelReply, error) {
	return call[CancelReply](ctx, c.Client, "cancel", req)
}

// Queue implements [Orchestrator].
func (c *OrchestratorClient) Queue(ctx context.Context, req QueueRequest) (QueueReply, error) {
	return call[QueueReply](ctx, c.Client, "queue", req)
}

// SetStatus implements [Orchestrator].
func (c *OrchestratorClient) SetStatus(ctx context.Context, req SetStatusRequest) (SetStatus, error) {
	return call[SetStatus](ctx, c.Client, "status", req)
}

// Restart implements [Orchestrator].
func (c *OrchestratorClient) Restart(ctx context.Context, req RestartRequest) (RestartReply, error) {
	return call[RestartReply](ctx, c.Client, "restart", req)
}

// History implements [Orchestrator].
func (c *OrchestratorClient) History(ctx context.Context, req HistoryRequest) (HistoryReply, error) {
	return call[HistoryReply](ctx, c.Client, "history", req)
}

// Explain implements [Orchestrator].
func (c *OrchestratorClient) Explain(ctx context.Context, req ExplainRequest) (ExplainReply, error) {
	return call[ExplainReply](ctx, c.Client, "explain", req)
}

// Graph implements [Orchestrator].
func (c *OrchestratorClient) Graph(ctx context.Context, req GraphRequest) (GraphReply, error) {
	return call[GraphReply](ctx, c.Client, "graph", req)
}

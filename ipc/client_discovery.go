package ipc

import "context"

var _ Discovery = (*DiscoveryClient)(nil)

// DiscoveryClient is the discovery service over a connection.
type DiscoveryClient struct{ *Client }

// NewDiscoveryClient makes a client; it connects when it is first used.
func NewDiscoveryClient(dial Dialer) *DiscoveryClient { return &DiscoveryClient{newClient(dial)} }

// Sync implements [Discovery].
func (c *DiscoveryClient) Sync(ctx context.Context, req SyncRequest) (SyncReply, error) {
	return call[SyncReply](ctx, c.Client, "sync", req)
}

// Changes implements [Discovery].
func (c *DiscoveryClient) Changes(ctx context.Context, req ChangesRequest) (ChangesReply, error) {
	return call[ChangesReply](ctx, c.Client, "changes", req)
}

// Record implements [Discovery].
func (c *DiscoveryClient) Record(ctx context.Context, req RecordRequest) (RecordReply, error) {
	return call[RecordReply](ctx, c.Client, "record", req)
}

// Dependents implements [Discovery].
func (c *DiscoveryClient) Dependents(ctx context.Context, req DependentsRequest) (DependentsReply, error) {
	return call[DependentsReply](ctx, c.Client, "dependents", req)
}

// Rescan implements [Discovery].
func (c *DiscoveryClient) Rescan(ctx context.Context, req RescanRequest) (RescanReply, error) {
	return call[RescanReply](ctx, c.Client, "rescan", req)
}

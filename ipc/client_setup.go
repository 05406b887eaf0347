package ipc

import "context"

var _ Setup = (*SetupClient)(nil)

// SetupClient is the setup service over a connection.
type SetupClient struct{ *Client }

// NewSetupClient makes a client; it connects when it is first used.
func NewSetupClient(dial Dialer) *SetupClient { return &SetupClient{newClient(dial)} }

// Plan implements [Setup].
func (c *SetupClient) Plan(ctx context.Context, req PlanRequest) (PlanReply, error) {
	return call[PlanReply](ctx, c.Client, "plan", req)
}

// Validate implements [Setup].
func (c *SetupClient) Validate(ctx context.Context, req ValidateRequest) (ValidateReply, error) {
	return call[ValidateReply](ctx, c.Client, "validate", req)
}

// Toolchain implements [Setup].
func (c *SetupClient) Toolchain(ctx context.Context, req ToolchainRequest) (ToolchainReply, error) {
	return call[ToolchainReply](ctx, c.Client, "toolchain", req)
}

// Modules implements [Setup].
func (c *SetupClient) Modules(ctx context.Context, req ModulesRequest) (ModulesReply, error) {
	return call[ModulesReply](ctx, c.Client, "modules", req)
}

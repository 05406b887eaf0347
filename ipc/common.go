package ipc

import (
	"context"
	"reflect"
)

// commonMethods is what the server answers for every daemon. The orchestrator has
// a "status" and a "subscribe" of its own, which come first.
func commonMethods() []method[*Server] {
	stats := unary("stats", "Returns the daemon's own numbers.", (*Server).stats).plain().idle()
	stats.Reply = reflect.TypeFor[any]()
	return []method[*Server]{
		unary("ping", "Says who answers.", (*Server).self).plain().idle(),
		unary("status", "Says who answers.", (*Server).self).plain().idle(),
		stats,
		unary("shutdown", "Stops the daemon; what runs may finish.", (*Server).shutdown),
		subscription((*Server).subscribe),
	}
}

// self reports on the daemon.
func (s *Server) self(context.Context, struct{}) (DaemonStatus, error) {
	status := s.cfg.Self()
	status.Requests = s.Requests()
	return status, nil
}

func (s *Server) stats(ctx context.Context, _ struct{}) (any, error) {
	if s.cfg.Stats == nil {
		return struct{}{}, nil
	}
	return s.cfg.Stats(ctx)
}

// shutdown returns at once: this very request is among those that may finish.
func (s *Server) shutdown(context.Context, struct{}) (struct{}, error) {
	if s.cfg.Shutdown != nil {
		s.cfg.Shutdown()
	} else {
		s.Close()
	}
	return struct{}{}, nil
}

func (s *Server) subscribe(ctx context.Context, req SubscribeRequest, fn func(Event)) error {
	if s.cfg.Hub == nil {
		return Errorf(CodeUnavailable, "the %s daemon has no events", s.cfg.Endpoint.Daemon)
	}
	return s.cfg.Hub.Subscribe(ctx, s.cfg.Snapshot, req.Events, fn)
}

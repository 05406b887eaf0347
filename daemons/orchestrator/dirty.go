package orchestrator

import (
	"context"
	"reflect"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// dirtiness is what discovery last said is dirty.
type dirtiness struct {
	mu  sync.Mutex
	now ipc.DirtyChanged
}

func (d *dirtiness) last() ipc.DirtyChanged {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// tellDirty asks discovery what is dirty and tells subscribers if that has changed.
func (s *Service) tellDirty(ctx context.Context) {
	s.dirty.mu.Lock() // held while asking: a late answer never follows a newer one
	defer s.dirty.mu.Unlock()
	now := s.askDirty(ctx)
	if reflect.DeepEqual(now, s.dirty.now) {
		return
	}
	s.dirty.now = now
	s.publish(ipc.NewEvent("", now))
}

// askDirty asks discovery what is dirty. Only a daemon watches between builds.
func (s *Service) askDirty(ctx context.Context) ipc.DirtyChanged {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if !s.discovery.HasRemote || s.cfg.Foreign != nil {
		return ipc.DirtyChanged{}
	}
	reply, err := s.discovery.Remote.Changes(ctx, ipc.ChangesRequest{Causes: ipc.MaxDirtyNodes})
	if err != nil {
		return ipc.DirtyChanged{}
	}
	return ipc.DirtyChanged{Known: true, Count: reply.Count, Nodes: reply.Nodes}
}

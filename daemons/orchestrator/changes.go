package orchestrator

import (
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// An automatic build starts when no file has changed for autoQuiet, at the latest
// autoPatience after the first change: an editor's save is several events, a branch
// switch thousands.
const (
	autoQuiet    = 20 * time.Millisecond
	autoPatience = 500 * time.Millisecond
)

// changesRetry is the pause before discovery's events are asked for again after the
// stream broke: its daemon needs some 50 ms to start.
const changesRetry = 200 * time.Millisecond

// followChanges passes discovery's events to subscribers, and to automatic builds if they
// are enabled.
func (s *Service) followChanges() {
	poke := make(chan struct{}, 1)
	if s.cfg.AutoBuild {
		s.wg.Go(func() { s.buildAfterChanges(poke) })
	}
	for s.ctx.Err() == nil {
		err := s.cfg.Changes(s.ctx, func(e ipc.FilesChanged) {
			s.publish(ipc.NewEvent("", e))
			if s.viewers.any() {
				s.tellDirty(s.ctx)
			}
			if s.worthBuilding(e) {
				pause.Wake(poke)
			}
		})
		if s.ctx.Err() != nil {
			return
		}
		s.log.Warn("changes are not followed", "error", err)
		if s.awaitDiscovery() == nil {
			s.log.Info("changes are followed again")
			pause.Wake(poke) // for what changed in between
		}
	}
}

// awaitDiscovery returns when discovery answers. Without a daemon it pauses once.
func (s *Service) awaitDiscovery() error {
	for {
		if err := pause.For(s.ctx, changesRetry); err != nil {
			return err
		}
		if !s.discovery.HasRemote || s.askDirty(s.ctx).Known {
			return nil
		}
	}
}

// worthBuilding reports whether a change calls for an automatic build: it made something
// dirty, or the last build failed and discovery may not know which files the failed
// action reads.
func (s *Service) worthBuilding(e ipc.FilesChanged) bool {
	return (e.Dirty > 0 || s.lastFailed.Load()) && !s.allOurs(e.Paths)
}

// allOurs reports whether the paths are what a build itself writes.
func (s *Service) allOurs(paths []string) bool {
	p := s.plan.Load()
	if p == nil || len(paths) == 0 {
		return false
	}
	for _, path := range paths {
		if !strings.HasPrefix(s.relative(path), p.plan.BuildDir+"/") {
			return false
		}
	}
	return true
}

// buildAfterChanges builds whenever poke was followed by quiet.
func (s *Service) buildAfterChanges(poke <-chan struct{}) {
	for {
		select {
		case <-poke:
		case <-s.ctx.Done():
			return
		}
		if pause.Quiet(s.ctx, poke, autoQuiet, autoPatience) != nil {
			return
		}
		s.buildUnattended()
	}
}

// buildUnattended repeats the last build without a caller. If that build still runs, it
// looks for changes again.
func (s *Service) buildUnattended() {
	last := s.last.Load()
	if last == nil && s.withheld {
		s.log.Info("no automatic build: the environment of the last one is not kept in files, for it holds secrets")
		return
	}
	req := ipc.BuildRequest{Trigger: ipc.TriggerAuto}
	if last != nil {
		req.Env, req.Caller, req.Targets = last.Env, last.Caller, last.Targets
	}
	if req.Env == nil {
		req.Env = environment.Bare()
	}
	if _, _, err := s.queue.submit(req, true); err != nil && s.ctx.Err() == nil {
		s.log.Warn("no automatic build", "error", err)
	}
}

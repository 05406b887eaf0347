package discovery

import (
	"context"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// Names of what an answer rests on.
const (
	modeWatch = "watch"
	modeStat  = "stat"
)

// Sync implements [ipc.Discovery].
func (s *Service) Sync(ctx context.Context, req ipc.SyncRequest) (ipc.SyncReply, error) {
	s.counts.syncs.Add(1)
	var recent glance
	trusted := !req.Full && s.byEvents() && s.awaitCookie(ctx, func() { recent = s.glanceAtRecent(ctx) })
	if err := s.enter(ctx); err != nil {
		return ipc.SyncReply{}, err
	}
	reply := ipc.SyncReply{Mode: modeStat}
	remounted := s.remounted()
	switch {
	case remounted:
		reply.Scanned = s.rescan()
	case trusted && s.watches != nil:
		reply.Mode, reply.Scanned = modeWatch, s.scanUncovered()
		s.takeGlance(recent)
	default:
		reply.Scanned = s.scanAll()
	}
	s.finishScan()
	if err := s.compareContents(ctx); err != nil {
		return ipc.SyncReply{}, err
	}
	s.answer(&reply)
	last := s.lastChange()
	s.unlock()
	return reply, untilPast(ctx, last)
}

// answer fills in the state of the graph.
func (s *Service) answer(reply *ipc.SyncReply) {
	g := s.graph
	reply.Token, reply.Generation = s.token, s.changes.generation
	reply.Nodes, reply.Files = len(g.nodeByID), g.fileCount()
	reply.Dirty = make([]ipc.DirtyNode, 0, len(g.dirty))
	for _, n := range g.dirtyNodes() {
		d := ipc.DirtyNode{ID: g.nodes[n].id, Causes: g.causes(n)}
		if g.nodes[n].onlyOutputs() {
			d.Set = g.nodes[n].set
		}
		reply.Dirty = append(reply.Dirty, d)
	}
}

// lastChange returns when the newest change seen was made (ns since 1970): a hash that is taken when
// the clock of the file system is past that belongs to its signature. A time in the future, as
// after setting the clock back, counts as now.
func (s *Service) lastChange() int64 {
	if s.cfg.impatient {
		return 0
	}
	s.newest = min(s.newest, time.Now().UnixNano())
	return s.newest
}

// untilPast waits until the clock of the file system is past a moment.
func untilPast(ctx context.Context, moment int64) error {
	if err := stamps.Await(ctx, moment); err != nil {
		return ipc.Errorf(ipc.CodeCancelled, "waiting for the clock: %v", err)
	}
	return nil
}

// remounted reports whether something was mounted or unmounted where it matters.
func (s *Service) remounted() bool {
	if s.mounts == nil || s.watches == nil {
		return false
	}
	for _, point := range s.mounts.points() {
		if s.watches.concerns(point) || s.graph.knows(point) {
			s.log.Info("a mount changed; looking at every file", "at", point)
			s.graph.disks = &stamps.Disks{}
			return true
		}
	}
	return false
}

// concerns reports whether a recorded path leads through an entry.
func (w *watches) concerns(path string) bool {
	dir, base := splitEvent(path)
	f := w.folders[dir]
	return path == "/" || w.folders[path] != nil || f != nil && (len(f.hooks[base]) > 0 || len(f.dirs) > 0)
}

// Rescan implements [ipc.Discovery].
func (s *Service) Rescan(ctx context.Context, _ ipc.RescanRequest) (ipc.RescanReply, error) {
	if err := s.enter(ctx); err != nil {
		return ipc.RescanReply{}, err
	}
	defer s.unlock()
	begin := time.Now()
	files := s.rescan()
	return ipc.RescanReply{Files: files, Dirty: len(s.graph.dirty), Seconds: time.Since(begin).Seconds()}, nil
}

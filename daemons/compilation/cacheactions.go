package compilation

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// statsPatience is how long statistics wait for what is being stored: a dashboard asks
// for them all the time, and large programs on slow disks take longer.
const statsPatience = 150 * time.Millisecond

// CacheStats implements [ipc.Compilation].
func (s *Service) CacheStats(ctx context.Context, _ ipc.CacheStatsRequest) (ipc.CacheStatsReply, error) {
	ctx, cancel := context.WithTimeout(ctx, statsPatience)
	defer cancel()
	s.writeback.drain(ctx)
	st := s.store.Stats()
	reply := ipc.CacheStatsReply{
		Dir: s.store.Dir(), Bytes: st.Bytes, MaxBytes: st.MaxBytes, Entries: st.Entries,
		Hits: st.Hits, Misses: st.Misses, MissReasons: st.MissReasons,
		Stored: st.Stored, Evicted: st.Evicted, Damaged: st.Damaged, SavedSeconds: st.SavedSeconds,
		ReadOnly: st.ReadOnly,
	}
	if !st.Oldest.IsZero() {
		reply.OldestUnix = st.Oldest.Unix()
	}
	reply.Tiers, reply.RemoteOff = s.tiers.stats(), s.tiers.remoteOff()
	if len(reply.Tiers) > 0 {
		reply.Sharing = s.sharingStats()
	}
	reply.Tiers = append(reply.Tiers, s.farm.stats()...)
	return reply, nil
}

// sharingStats are what became of results that might serve in other folders.
func (s *Service) sharingStats() *ipc.SharingStats {
	st := &ipc.SharingStats{Waiting: s.auditor.waiting()}
	st.Stored, st.Kept = s.tiers.counts()
	return st
}

// CacheShare implements [ipc.Compilation]. It does at once what otherwise waits for a pause.
func (s *Service) CacheShare(ctx context.Context, _ ipc.CacheShareRequest) (ipc.CacheShareReply, error) {
	s.writeback.drain(ctx)
	s.auditor.pause() // what the idle audit is deciding about comes back to the queue
	defer s.auditor.ends()
	var workers sync.WaitGroup
	for range s.slots.Places() {
		workers.Go(func() {
			for ctx.Err() == nil && s.auditor.proveNext(ctx) {
			}
		})
	}
	workers.Wait()
	_ = s.tiers.remotes.Client().Wait(ctx) // its error is that of ctx
	if err := context.Cause(ctx); err != nil {
		return ipc.CacheShareReply{}, ipc.Errorf(ipc.CodeCancelled, "%v", err)
	}
	return ipc.CacheShareReply{SharingStats: *s.sharingStats()}, nil
}

// CacheClear implements [ipc.Compilation].
func (s *Service) CacheClear(ctx context.Context, req ipc.CacheClearRequest) (ipc.CacheClearReply, error) {
	s.writeback.drain(ctx)
	if req.UnusedSeconds > 0 {
		r := s.store.EvictUnused(time.Duration(req.UnusedSeconds * float64(time.Second)))
		return ipc.CacheClearReply{Bytes: r.Bytes, Entries: r.Entries}, nil
	}
	r, err := s.store.Clear()
	if err != nil {
		return ipc.CacheClearReply{}, ipc.Errorf(ipc.CodeUnavailable, "%v", err).
			WithHint("look at the permissions of %s; it may be deleted by hand at any time", s.store.Dir())
	}
	return ipc.CacheClearReply{Token: r.Token, UndoSeconds: cache.UndoTime.Seconds(), Bytes: r.Bytes, Entries: r.Entries}, nil
}

// CacheRestore implements [ipc.Compilation].
func (s *Service) CacheRestore(ctx context.Context, req ipc.CacheRestoreRequest) (ipc.CacheRestoreReply, error) {
	s.writeback.drain(ctx)
	r, err := s.store.Restore(req.Token)
	if err != nil {
		return ipc.CacheRestoreReply{}, ipc.Errorf(ipc.CodeNotFound, "%v", err)
	}
	return ipc.CacheRestoreReply{Bytes: r.Bytes, Entries: r.Entries}, nil
}

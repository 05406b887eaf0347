package compilation

import (
	"context"
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
	return reply, nil
}

// CacheClear implements [ipc.Compilation].
func (s *Service) CacheClear(ctx context.Context, _ ipc.CacheClearRequest) (ipc.CacheClearReply, error) {
	s.writeback.drain(ctx)
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

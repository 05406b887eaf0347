package discovery

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/fsnotify/fsnotify"
)

// verifyStat is the value of [daemons.discovery] verify that trusts no event.
const verifyStat = "stat"

// Config is what a [Service] is made of.
type Config struct {
	Root          string        // the project's root: absolute, symbolic links resolved
	StateFile     string        // where records are kept over restarts; "" = in memory
	CookieDir     string        // folder for cookie files, made when needed
	Ignored       []string      // doublestar patterns of names or paths that trigger nothing
	WatchInterval time.Duration // period of polling, least period of the audit; 0 = 1 s
	Verify        string        // "watch" (or ""), or "stat": look at everything in each Sync
	Watch         bool          // false: watch nothing, look at everything in each Sync

	Publish func(ipc.EventBody) // gets FilesChanged and Notice; nil = none
	Log     *slog.Logger        // nil = discard

	// wrapAdd lets tests fail the adding of watches; nil = fsnotify's own.
	wrapAdd func(*fsnotify.Watcher) func(string) error
	// cookieWait is how long a Sync waits for its cookie; 0 = cookieLimit.
	cookieWait time.Duration
	// gathering replaces the constant of that name; 0 = that.
	gathering time.Duration
	// quiet is how long no further change may come before one is published; 0 = coalesceQuiet.
	quiet time.Duration
	// impatient lets Syncs return before the tick of the newest change is over.
	impatient bool
}

// Service is discovery as a value.
type Service struct {
	cfg    Config
	root   rootid.ID
	log    *slog.Logger
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	lock chan struct{} // holds one element while free; guards all that follows

	graph    *graph
	token    string
	watches  *watches // nil: no events
	mounts   *mounts
	cookies  cookies
	looseAt  map[*dirNode]struct{} // no event comes for each change of anything there
	loose    map[*file]struct{}    // in places that events cover
	recent   recent
	started  bool          // what was recorded earlier has been looked at
	newest   int64         // ctime (ns) of the last change seen
	tick     time.Duration // one step of the clock that stamps files
	changes  changeLog
	pending  pending
	warned   map[string]bool
	ignored  []string
	unsaved  bool
	hintsDue bool // the project's folders have to be walked for untracked sources

	wake   chan struct{} // something to publish
	save   chan struct{} // something to write down
	counts counters
}

// counters are the numbers that Stats tells.
type counters struct {
	syncs, cookieTimeouts, rescans, overflows, audits, events, bursts, looks, late, saves, reread atomic.Uint64

	auditNanos atomic.Int64
}

// Stats is what the daemon's "stats" tells.
type Stats struct {
	Nodes          int     `json:"nodes"`
	Dirty          int     `json:"dirty"`
	Files          int     `json:"files"`
	Folders        int     `json:"folders"` // spellings of folders that records mention
	Watched        int     `json:"watched"` // folders
	Unverified     int     `json:"unverified"`
	Syncs          uint64  `json:"syncs"`
	CookieTimeouts uint64  `json:"cookie_timeouts"`
	Rescans        uint64  `json:"rescans"`
	Overflows      uint64  `json:"overflows"`
	Events         uint64  `json:"events"`
	Bursts         uint64  `json:"bursts"`     // times that events were taken, all that had gathered
	Looks          uint64  `json:"looks"`      // files stat'ed
	Audits         uint64  `json:"audits"`     // rounds
	FoundLate      uint64  `json:"found_late"` // changes that an audit found before any event
	AuditSeconds   float64 `json:"audit_seconds"`
	Saves          uint64  `json:"saves"`
	Reread         uint64  `json:"reread"` // files read to see that their content is the same
}

// errClosed is returned after Close.
var errClosed = ipc.Errorf(ipc.CodeStopping, "discovery is closed")

// New makes a service, reads what an earlier one left in Config.StateFile and looks,
// in the background, at everything recorded there: the first Sync waits for that.
// Everything ends with Close, or with ctx.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if !filepath.IsAbs(cfg.Root) || cfg.Watch && cfg.CookieDir == "" {
		return nil, errors.New("new discovery: Config.Root must be absolute, and Config.CookieDir set to watch")
	}
	if cfg.WatchInterval <= 0 {
		cfg.WatchInterval = time.Second
	}
	s := &Service{
		cfg: cfg, root: rootid.Of(cfg.Root), log: cfg.Log, lock: make(chan struct{}, 1),
		looseAt: map[*dirNode]struct{}{}, loose: map[*file]struct{}{},
		warned: map[string]bool{}, ignored: cfg.Ignored,
		tick: min(stamps.Step()+time.Millisecond, stamps.Tick), wake: make(chan struct{}, 1), save: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.load()
	s.wg.Go(s.start)
	s.wg.Go(s.saver)
	return s, nil
}

// start looks at everything that was recorded, holding the lock, and then follows
// events.
func (s *Service) start() {
	if s.cfg.Watch {
		s.mounts = openMounts()
		if eventsTrusted {
			s.rewatchAll()
		}
		s.cookies.dir = &dirNode{path: s.cfg.CookieDir, abs: s.cfg.CookieDir}
		s.sweepCookies()
		s.routeCookies()
	}
	s.routeAll()
	if s.cfg.Watch {
		s.scanAll()
		s.finishScan()
	}
	s.started, s.hintsDue = true, s.watches != nil
	s.poke()
	s.unlock()
	if s.cfg.Watch {
		s.wg.Go(s.auditor)
		s.wg.Go(s.poller)
		s.follow()
	}
}

// Close ends everything that runs and writes down what was recorded.
func (s *Service) Close() error {
	s.cancel()
	s.wg.Wait()
	s.acquire()
	defer s.unlock()
	if s.watches != nil {
		s.watches.notify.Close()
		s.watches = nil
	}
	if s.mounts != nil {
		s.mounts.close()
		s.mounts = nil
	}
	return s.writeState(s.encode())
}

func (s *Service) acquire() { <-s.lock }
func (s *Service) unlock()  { s.lock <- struct{}{} }

// enter takes the lock for a request.
func (s *Service) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ipc.Errorf(ipc.CodeCancelled, "asking discovery: %v", ctx.Err())
	}
	select {
	case <-s.lock:
	case <-ctx.Done():
		return ipc.Errorf(ipc.CodeCancelled, "waiting for discovery: %v", ctx.Err())
	case <-s.ctx.Done():
		return errClosed
	}
	if s.ctx.Err() != nil {
		s.unlock()
		return errClosed
	}
	return nil
}

// Stats returns a [Stats].
func (s *Service) Stats(ctx context.Context) (any, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	c := &s.counts
	out := Stats{
		Nodes: len(s.graph.nodeByID), Dirty: len(s.graph.dirty), Files: s.graph.fileCount(),
		Folders: len(s.graph.dirByPath), Unverified: len(s.looseAt) + len(s.loose),
		Syncs: c.syncs.Load(), CookieTimeouts: c.cookieTimeouts.Load(), Rescans: c.rescans.Load(),
		Overflows: c.overflows.Load(), Events: c.events.Load(), Bursts: c.bursts.Load(), Looks: c.looks.Load(), Audits: c.audits.Load(),
		FoundLate: c.late.Load(), AuditSeconds: time.Duration(c.auditNanos.Load()).Seconds(), Saves: c.saves.Load(),
		Reread: c.reread.Load(),
	}
	if s.watches != nil {
		out.Watched = len(s.watches.byID)
	}
	return out, nil
}

func (g *graph) fileCount() int { return len(g.files) - len(g.freeFiles) }

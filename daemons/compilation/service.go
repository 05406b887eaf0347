package compilation

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// saveAfter is the least time between a change and the writing of the state, so that a build
// of many requests writes it once. A kill loses so much, and it costs reasons only.
const saveAfter = 2 * time.Second

// Config is what a service needs.
type Config struct {
	Root      string        // of the project, absolute, links resolved
	Store     *cache.Store  // the service does not close it
	StateFile string        // "" = keep the state in memory
	Jobs      int           // processes at a time; 0 = one a core
	MaxMemory int64         // bytes that they may take together; 0 = what is available
	Setup     ipc.Setup     // gives the plan to the spec's plain compile; may be nil
	Timeout   time.Duration // of one process, where the request sets none; 0 = none
	// AuditEvery is how many hits there are for each that is compiled again when
	// nothing was asked for during AuditIdle; 0 = 200 and 5 s, less than 0 = never.
	AuditEvery int
	AuditIdle  time.Duration
	// LeaseDir is where the services of a project keep their leases; "" = none, and what a
	// killed service leaves runs on.
	LeaseDir string
	// OutputLock is the file in which all that build in a project lock outputs that are
	// written under their own names; "" = only this service does.
	OutputLock string
	// TracerDir is where the tracer's objects are kept; "" = do not trace, but rely on
	// dependency files and computed search positions.
	TracerDir string
	// Warm keeps clang resident, if it can be traced. Only a daemon gains by that.
	Warm bool
	// Preamble is one of PreambleAuto, PreambleExact and PreambleOff; "" is auto.
	Preamble    string
	PreambleDir string              // where preambles lie; "" = none are made
	MaxPreamble int64               // bytes that they may take
	Publish     func(ipc.EventBody) // tells of what no request hears; may be nil
	// Home is RepliBuild's own folder, with the user's config.toml; "" = results are not shared.
	Home      string
	SharedDir string // of the store that the user's projects share
	// Remote says which remote cache the project may use now; without a URL none. nil = none.
	Remote func() remotecache.Config
	// Farm says which server may execute commands now; without a URL none. nil = none.
	Farm func() remotecache.Farm
	CI   bool         // what is uploaded was made in CI
	Log  *slog.Logger // nil = none
}

// Service implements [ipc.Compilation]. Its methods may be called from many
// goroutines.
type Service struct {
	cfg     Config
	root    rootid.ID
	log     *slog.Logger
	store   *cache.Store
	tables  *snapshot.Interner
	digests *snapshot.HashCache
	records *records
	slots   *process.Slots

	lease    *process.Lease // nil = none
	runner   *process.Runner
	warm     *process.Warm   // nil = none are resident
	spawner  process.Spawner // how processes are started
	compiles tracker         // how what compilers read is known
	links    tracker         // the same for linkers
	archives tracker         // the same for archivers
	commands tracker         // the same for commands of the plan

	tracers      *tracers
	texts        *snapshot.ScanCache
	paths        *searchPaths
	libs         *libraryPaths
	lines        *linkLines
	singleflight *singleflight
	writeback    *writeback
	requests     *requests
	launches     *launches
	saver        *saver
	sweeper      sweeper
	outputLocks  outputLocks
	plans        planMemory
	environments ipc.Environments
	auditor      *auditor
	preambles    *preambles // nil = off
	tiers        *tiers
	farm         *farm
	close        func() error
}

// New makes a service and reads its state. A state that cannot be read is logged
// and forgotten.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Root == "" {
		return nil, errors.New("compilation service: Config needs Root and Store")
	}
	if cfg.Jobs <= 0 {
		cfg.Jobs = runtime.GOMAXPROCS(0) // minds the quota of a control group
	}
	s := &Service{
		cfg: cfg, root: rootid.Of(cfg.Root), log: cfg.Log, store: cfg.Store,
		tables: snapshot.NewInterner(), records: newRecords(),
		slots: process.NewSlots(cfg.Jobs, cfg.MaxMemory), lease: openLease(cfg),
		texts: snapshot.NewScanCache(), singleflight: newSingleflight(), writeback: newWriteback(), requests: newRequests(), launches: newLaunches(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.tiers, s.farm = newTiers(s), newFarm(s)
	s.outputLocks.file, s.outputLocks.log = cfg.OutputLock, s.log
	s.runner = process.NewRunner(s.lease)
	s.digests = snapshot.NewHashCache(time.Now)
	s.spawner = s.runner
	if cfg.Warm {
		s.warm = process.NewWarm(s.runner, s.log)
		s.spawner = s.warm
	}
	s.paths, s.libs, s.lines = newSearchPaths(s.spawner), newLibraryPaths(s.spawner), newLinkLines()
	s.tracers = newTracers(cfg.TracerDir, s.log)
	s.tracers.prepare()
	s.compiles = &traceTracker{s.tracers, &depfileCompiles{texts: s.texts, paths: s.paths}}
	s.links = &traceTracker{s.tracers, &depfileLinks{paths: s.libs}}
	s.archives = &traceTracker{s.tracers, readsNothing{}}
	s.commands = &commandTracker{s.tracers}
	if cfg.StateFile != "" {
		if err := loadState(cfg.StateFile, s.root, s.records, s.tables, s.digests); err != nil {
			s.log.Warn("the state of earlier builds is lost", "error", err)
		}
	}
	s.auditor = newAuditor(s, cfg.AuditEvery, cfg.AuditIdle)
	s.preambles = newPreambles(s)
	s.saver = newSaver(s.save)
	s.close = sync.OnceValue(s.shutdown)
	return s, nil
}

// openLease makes the service's lease. Without one it works all the same: the project may
// belong to somebody else, or be on a disk that cannot be written.
func openLease(cfg Config) *process.Lease {
	if cfg.LeaseDir == "" {
		return nil
	}
	l, err := process.NewLease(cfg.LeaseDir, cfg.Root, temporaryPrefix)
	if err != nil && cfg.Log != nil {
		cfg.Log.Warn("what a kill of this service leaves will not be found", "error", err)
	}
	return l
}

// Close cancels what runs, waits until no process of it is left and writes the
// state. The store stays open.
func (s *Service) Close() error { return s.close() }

func (s *Service) shutdown() error {
	s.auditor.close()
	s.preambles.close()
	s.requests.closeAll()
	s.runner.Close()
	if s.warm != nil {
		s.warm.Close()
	}
	s.lease.Close()
	s.outputLocks.close()
	s.tracers.close()
	s.writeback.drain(context.Background())
	s.tiers.close()
	s.farm.close()
	return s.saver.close()
}

func (s *Service) save() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	return saveState(s.cfg.StateFile, s.root, s.records, s.tables, s.digests)
}

// Stats is what the service tells about itself.
type Stats struct {
	Records   int   `json:"records"`   // units, links and steps that it remembers
	Digests   int   `json:"digests"`   // files whose content it knows
	Processes int64 `json:"processes"` // started since it was made
	Running   int   `json:"running"`   // processes with a slot
	Waiting   int   `json:"waiting"`   // for a slot
	Jobs      int   `json:"jobs"`      // slots
	Memory    int64 `json:"memory"`    // bytes that processes could still take, -1 = unknown
	// Untraced are the programs whose inputs come from dependency files and
	// computed search positions, with the reason; Traced are those that are traced.
	Traced   []string          `json:"traced,omitempty"`
	Untraced map[string]string `json:"untraced,omitempty"`
	Resident map[string][]int  `json:"resident,omitempty"` // process IDs by program
	// Preambles are how many were made, PreamblesWaiting how many are to be made or are
	// being made: with none waiting, the next edit finds what there will be.
	Preambles        int `json:"preambles,omitempty"`
	PreamblesWaiting int `json:"preambles_waiting,omitempty"`
}

// Stats returns the service's numbers, a [Stats].
func (s *Service) Stats(context.Context) (any, error) {
	st := Stats{Processes: s.runner.Started(), Jobs: s.slots.Places(), Memory: s.slots.Memory()}
	st.Running, st.Waiting = s.slots.Counts()
	st.Traced, st.Untraced = s.tracers.status()
	if s.warm != nil {
		st.Resident = s.warm.Residents()
	}
	st.Preambles, st.PreamblesWaiting = s.preambles.counts()
	s.records.mu.Lock()
	st.Records = len(s.records.byID)
	s.records.mu.Unlock()
	st.Digests = s.digests.Count()
	return st, nil
}

// saver writes the state some time after it has changed.
type saver struct {
	save   func() error
	mu     sync.Mutex
	timer  *time.Timer
	dirty  bool
	closed bool
	rest   time.Duration // before the next writing
	busy   sync.Mutex    // one writer at a time
}

func newSaver(save func() error) *saver { return &saver{save: save, rest: saveAfter} }

// changed sees to it that the state is written soon.
func (v *saver) changed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dirty = true
	if v.timer == nil && !v.closed {
		v.timer = time.AfterFunc(v.rest, func() { _ = v.write() })
	}
}

// write writes what has changed. An error is for Close: the next change tries again. The whole
// state is written each time, so that the next time comes later the longer this one took: a first
// build of thousands of units takes a small part of a processor for it.
func (v *saver) write() error {
	v.busy.Lock()
	defer v.busy.Unlock()
	v.mu.Lock()
	dirty := v.dirty
	v.dirty, v.timer = false, nil
	v.mu.Unlock()
	if !dirty {
		return nil
	}
	begin := time.Now()
	err := v.save()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dirty = v.dirty || err != nil
	v.rest = max(saveAfter, 20*time.Since(begin))
	return err
}

func (v *saver) close() error {
	v.mu.Lock()
	v.closed = true
	if v.timer != nil {
		v.timer.Stop()
	}
	v.mu.Unlock()
	return v.write()
}

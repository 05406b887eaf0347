package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// Config is what a [Service] is made of.
type Config struct {
	Root     string // the project's root, absolute
	StateDir string // folder for history, statistics and the last good build; "" = memory only

	Discovery   Backend[ipc.Discovery]
	Setup       Backend[ipc.Setup]
	Compilation Backend[ipc.Compilation]
	Supervisor  Supervisor // nil: there are no daemons to look after

	QueueSize int           // requests that may wait; less than 1 = 1
	Timeout   time.Duration // of one compile, link or step; 0 = none
	Jobs      int           // parallel_jobs, for estimates; 0 = one a core
	AutoBuild bool          // build after changes that make something dirty
	BuildLock string        // file that a process locks while it builds; "" = none
	// Foreign builds a folder that another front end plans: it runs a process, and returns
	// when that has ended. What is dirty is not known here then. nil: the plan is setup's.
	Foreign   func(ctx context.Context, build string, req ipc.BuildRequest) error
	InProcess bool // there are no daemons: BuildStarted says so

	// Hub receives every event. The events of Changes are published there too, so
	// Changes must not be fed from the same Hub.
	Hub *ipc.Hub
	// Changes follows discovery's events until ctx ends or the stream breaks; it
	// is called again then. nil: nothing is known between builds.
	Changes func(ctx context.Context, fn func(ipc.FilesChanged)) error

	Log *slog.Logger // nil = discard
}

// Supervisor looks after the set's processes.
type Supervisor interface {
	// Status tells the state of the set from what the system says.
	Status(ctx context.Context) ipc.SetStatus
	// Restart stops and starts the named daemons.
	Restart(ctx context.Context, names []string) ([]ipc.DaemonStatus, error)
	// Ensure starts the named daemons where they do not run, and replaces those
	// that hang.
	Ensure(ctx context.Context, names []string) error
}

// Service is the orchestrator as a value.
type Service struct {
	cfg  Config
	root rootid.ID
	// withheld: the environment of the last build was not kept in the state file.
	withheld bool
	log      *slog.Logger
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup // everything started by the service

	discovery   *backend[ipc.Discovery]
	setup       *backend[ipc.Setup]
	compilation *backend[ipc.Compilation]

	queue     *queue
	history   *history
	lastBuild *lastBuild                  // only the goroutine that builds touches it
	plan      atomic.Pointer[actionGraph] // the last plan, for readers outside the build
	cache     atomic.Pointer[ipc.CacheSummary]
	last      atomic.Pointer[ipc.BuildRequest] // what an automatic build repeats
	announced *announced
	viewers   *subscribers
	dirty     dirtiness
	shown     atomic.Pointer[job] // that runs, or ran last; nil = none yet

	lastFailed atomic.Bool // the last build of targets did not succeed
}

var _ ipc.Orchestrator = (*Service)(nil)

// New makes a service and reads what an earlier one left in Config.StateDir;
// whatever is damaged there is forgotten. Close ends it.
func New(cfg Config) (*Service, error) {
	if cfg.Hub == nil || cfg.Root == "" {
		return nil, errors.New("new orchestrator: Config.Hub and Config.Root are required")
	}
	s := &Service{cfg: cfg, root: rootid.Of(cfg.Root), log: cfg.Log, viewers: newSubscribers(), announced: newAnnounced()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.discovery = newBackend(cfg.Discovery)
	s.setup = newBackend(cfg.Setup)
	s.compilation = newBackend(cfg.Compilation)
	s.queue = newQueue(max(cfg.QueueSize, 1), s.publish, s.startWorking)
	if cfg.StateDir != "" {
		if err := rootid.MakeFolder(cfg.StateDir); err != nil {
			s.log.Warn("nothing will be remembered", "error", err)
		}
	}
	s.history = openHistory(cfg.StateDir, s.root, s.log)
	s.lastBuild = openLastBuild(cfg.StateDir, s.root, s.log)
	s.withheld = s.lastBuild.envHash != "" && s.lastBuild.env == nil
	if s.lastBuild.env != nil {
		s.last.Store(&ipc.BuildRequest{Env: s.lastBuild.env, Caller: s.lastBuild.caller, Targets: s.lastBuild.targets})
	}
	if cfg.Changes != nil {
		s.wg.Go(s.followChanges)
	}
	if cfg.Supervisor != nil {
		s.wg.Go(s.watchDaemons)
	}
	return s, nil
}

// Close cancels what runs and waits, ends every goroutine and closes the services
// that were made here.
func (s *Service) Close() error {
	s.queue.close()
	s.cancel()
	s.wg.Wait()
	return errors.Join(s.history.flush(), s.discovery.close(), s.setup.close(), s.compilation.close())
}

// Build implements [ipc.Orchestrator].
func (s *Service) Build(ctx context.Context, req ipc.BuildRequest, fn func(ipc.Event)) (ipc.BuildReply, error) {
	if err := ctx.Err(); err != nil {
		return ipc.BuildReply{}, ipc.Errorf(ipc.CodeCancelled, "build: %v", err)
	}
	detach := req.Detach
	req = s.completed(req)
	if err := s.checkNames(ctx, req); err != nil {
		return ipc.BuildReply{}, err
	}
	j, joined, err := s.queue.submit(req, detach)
	if err != nil {
		return ipc.BuildReply{}, err
	}
	if detach {
		return ipc.BuildReply{Build: j.id, Joined: joined, Success: true}, nil
	}
	reader := j.events.reader()
	if !reader.follow(ctx, fn) {
		if last := s.queue.leave(j); !last {
			return ipc.BuildReply{Build: j.id, Joined: joined}, cancelled(j.id, "its caller went away")
		}
		if !reader.followFor(cancelGrace, fn) {
			return ipc.BuildReply{Build: j.id, Joined: joined}, cancelled(j.id, "it is still being stopped")
		}
	}
	reply := j.reply
	reply.Joined = joined
	return reply, j.err
}

// cancelGrace is how long the last caller of a build waits for it to be stopped:
// more than the grace that a compiler's process group gets.
const cancelGrace = 5 * time.Second

func cancelled(build, why string) *ipc.Error {
	return ipc.Errorf(ipc.CodeCancelled, "build %s was cancelled: %s", build, why)
}

// completed fills in what a request may leave out. A request without environment
// means that of the last build, if there was one.
func (s *Service) completed(req ipc.BuildRequest) ipc.BuildRequest {
	if req.Trigger == "" {
		req.Trigger = ipc.TriggerCommand
	}
	if last := s.last.Load(); req.Env == nil && last != nil {
		req.Env = last.Env
	}
	if req.Env == nil {
		req.Env = environment.Bare()
	}
	req.Files = slices.Clone(req.Files)
	for i, f := range req.Files {
		req.Files[i] = s.relative(f)
	}
	req.Detach = false
	return req
}

// relative turns a path as a user may write it into the form that plans use.
func (s *Service) relative(path string) string {
	if filepath.IsAbs(path) {
		rel, err := filepath.Rel(s.cfg.Root, path)
		if err != nil || !filepath.IsLocal(rel) {
			return filepath.ToSlash(path)
		}
		path = rel
	}
	return filepath.ToSlash(filepath.Clean(path))
}

// Cancel implements [ipc.Orchestrator]; it returns when nothing of the build runs
// any more.
func (s *Service) Cancel(ctx context.Context, req ipc.CancelRequest) (ipc.CancelReply, error) {
	j := s.queue.cancel(req.Build)
	if j == nil {
		return ipc.CancelReply{}, nil
	}
	if !j.events.reader().follow(ctx, func(ipc.Event) {}) {
		return ipc.CancelReply{Cancelled: true}, ipc.Errorf(ipc.CodeTimeout, "build %s is still being stopped: %v", j.id, ctx.Err())
	}
	return ipc.CancelReply{Cancelled: true}, nil
}

// Queue implements [ipc.Orchestrator].
func (s *Service) Queue(context.Context, ipc.QueueRequest) (ipc.QueueReply, error) {
	return s.queue.reply(), nil
}

// History implements [ipc.Orchestrator].
func (s *Service) History(ctx context.Context, req ipc.HistoryRequest) (ipc.HistoryReply, error) {
	s.history.reload()
	if req.Build != "" {
		id, err := s.history.find(req.Build)
		if err != nil {
			return ipc.HistoryReply{}, err
		}
		req.Build = id
	}
	builds := s.history.builds(req)
	reply := ipc.HistoryReply{Builds: builds}
	if req.Last {
		reply.Last = s.history.last()
	}
	if req.Slow > 0 {
		reply.Slow = s.slow(ctx, req.Slow)
	}
	return reply, nil
}

func (s *Service) publish(e ipc.Event) { s.cfg.Hub.Publish(e) }

// startWorking runs builds, j first, until none waits. The queue calls it when it
// was idle, so there is never more than one such goroutine.
func (s *Service) startWorking(j *job) {
	s.wg.Go(func() {
		for ; j != nil; j = s.queue.next() {
			if s.cfg.Foreign != nil {
				s.runForeign(j)
			} else {
				s.run(j)
			}
		}
	})
}

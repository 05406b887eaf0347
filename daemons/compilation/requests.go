package compilation

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/ipc"
)

// builds knows the requests that run, by the ID of their build.
type requests struct {
	mu      sync.Mutex
	running map[*request]bool
	gates   map[string]*process.Slots // of builds with a limit of their own
	left    leftFiles
	closed  bool
}

// leftFiles are what actions of a cancelled build wrote that ended after that, by ID. Only the
// last such build is kept: the builds of a folder come one after the other.
type leftFiles struct {
	build string
	files map[string][]ipc.LeftFile
}

// request is one running request.
type request struct {
	build  string
	cancel context.CancelCauseFunc
	done   chan struct{}
}

func newRequests() *requests {
	return &requests{running: make(map[*request]bool), gates: make(map[string]*process.Slots)}
}

var errStopping = ipc.Errorf(ipc.CodeStopping, "the compilation service is shutting down")

// begin registers a request. The context ends when its build is cancelled; end must
// be called when nothing of it runs any more.
func (b *requests) begin(ctx context.Context, build string) (context.Context, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, errStopping
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &request{build: build, cancel: cancel, done: make(chan struct{})}
	b.running[r] = true
	return ctx, func() {
		b.mu.Lock()
		delete(b.running, r)
		b.dropGate(build)
		b.mu.Unlock()
		cancel(nil)
		close(r.done)
	}, nil
}

// gate is the limit that all requests of a build share.
func (b *requests) gate(build string, jobs int) *process.Slots {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.gates[build]
	if g == nil {
		g = process.NewGate(jobs)
		b.gates[build] = g
	}
	return g
}

// dropGate forgets the limit of a build that has no request any more; mu is held.
func (b *requests) dropGate(build string) {
	for r := range b.running {
		if r.build == build {
			return
		}
	}
	delete(b.gates, build)
}

// stop cancels those that match and returns them.
func (b *requests) stop(why error, matches func(*request) bool) (stopped []*request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range b.running {
		if matches(r) {
			r.cancel(why)
			stopped = append(stopped, r)
		}
	}
	return stopped
}

// noteLeft keeps what an action of a cancelled build wrote.
func (b *requests) noteLeft(build, id string, files []ipc.LeftFile) {
	if build == "" || len(files) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left.build != build {
		b.left = leftFiles{build: build, files: map[string][]ipc.LeftFile{}}
	}
	b.left.files[id] = append(b.left.files[id], files...)
}

// takeLeft hands over what was noted of a build.
func (b *requests) takeLeft(build string) map[string][]ipc.LeftFile {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left.build != build {
		return nil
	}
	files := b.left.files
	b.left = leftFiles{}
	return files
}

func (b *requests) closeAll() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for _, r := range b.stop(errStopping, func(*request) bool { return true }) {
		<-r.done
	}
}

// Cancel implements [ipc.Compilation].
func (s *Service) Cancel(ctx context.Context, req ipc.CancelRequest) (ipc.CancelReply, error) {
	why := ipc.Errorf(ipc.CodeCancelled, "build %s was cancelled", req.Build)
	stopped := s.requests.stop(why, func(r *request) bool { return r.build == req.Build && req.Build != "" })
	for _, r := range stopped {
		select {
		case <-r.done:
		case <-ctx.Done():
			return ipc.CancelReply{Cancelled: true}, context.Cause(ctx)
		}
	}
	return ipc.CancelReply{Cancelled: len(stopped) > 0, Left: s.requests.takeLeft(req.Build)}, nil
}

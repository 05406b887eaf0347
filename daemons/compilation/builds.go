package compilation

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// builds knows the requests that run, by the ID of their build.
type builds struct {
	mu      sync.Mutex
	running map[*request]bool
	closed  bool
}

// request is one running batch, link, step or plain compile.
type request struct {
	build  string
	cancel context.CancelCauseFunc
	done   chan struct{}
}

func newBuilds() *builds { return &builds{running: make(map[*request]bool)} }

var errStopping = ipc.Errorf(ipc.CodeStopping, "the compilation service is shutting down")

// begin registers a request. The context ends when its build is cancelled; end must
// be called when nothing of it runs any more.
func (b *builds) begin(ctx context.Context, build string) (context.Context, func(), error) {
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
		b.mu.Unlock()
		cancel(nil)
		close(r.done)
	}, nil
}

// stop cancels those that match and returns them.
func (b *builds) stop(why error, matches func(*request) bool) (stopped []*request) {
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

func (b *builds) closeAll() {
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
	stopped := s.builds.stop(why, func(r *request) bool { return r.build == req.Build && req.Build != "" })
	for _, r := range stopped {
		select {
		case <-r.done:
		case <-ctx.Done():
			return ipc.CancelReply{Cancelled: true}, context.Cause(ctx)
		}
	}
	return ipc.CancelReply{Cancelled: len(stopped) > 0}, nil
}

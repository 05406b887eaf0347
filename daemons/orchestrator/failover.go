package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Backend is one of the three services that a build needs: a client of its daemon,
// if there is one, and how to make the same service in this process.
type Backend[T any] struct {
	Name      string // of the daemon, ipc.NameDiscovery …
	Remote    T      // used only if HasRemote
	HasRemote bool   // false: disabled, or everything runs in one process
	// Local makes the service in this process and says how to close it. It is
	// called when there is no Remote, and for the rest of a build when Remote is
	// gone.
	Local func() (T, func() error, error)
}

// backend is a Backend with its local service, which is made once, when the remote one is
// missing.
type backend[T any] struct {
	Backend[T]

	mu    sync.Mutex
	local *localService[T]
}

type localService[T any] struct {
	service T
	closing func() error
}

func newBackend[T any](b Backend[T]) *backend[T] { return &backend[T]{Backend: b} }

// current returns the service that a build begins with.
func (b *backend[T]) current() (T, error) {
	if b.HasRemote {
		return b.Remote, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.local == nil {
		l, err := b.makeLocal()
		if err != nil {
			var none T
			return none, err
		}
		b.local = l
	}
	return b.local.service, nil
}

func (b *backend[T]) makeLocal() (*localService[T], error) {
	s, closing, err := b.Local()
	if err != nil {
		return nil, fmt.Errorf("make %s in this process: %w", b.Name, err)
	}
	return &localService[T]{service: s, closing: closing}, nil
}

func (b *backend[T]) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.local == nil {
		return nil
	}
	err := b.local.closing()
	b.local = nil
	return err
}

// session is a backend during one build: once its remote service is gone, the local
// one serves until the build ends.
type session[T any] struct {
	*backend[T]
	takenOver func(name string, cause error) // called once, before the local service works

	mu       sync.Mutex
	standIn  *localService[T]
	takeover error // why the local service could not be made
}

func newSession[T any](b *backend[T], takenOver func(string, error)) *session[T] {
	return &session[T]{backend: b, takenOver: takenOver}
}

// call runs fn with the service, and again with the local one if the remote one is
// gone. fn must be able to go on where the first attempt ended.
func (s *session[T]) call(ctx context.Context, fn func(T) error) error {
	service, stoodIn, err := s.service()
	if err != nil {
		return err
	}
	err = fn(service)
	if !s.HasRemote || stoodIn || !isGone(err) || ctx.Err() != nil {
		return err
	}
	if service, err = s.takeOver(err); err != nil {
		return err
	}
	return fn(service)
}

// isGone reports whether an error means that the service ended or is ending. Other errors
// are answers of the service.
func isGone(err error) bool {
	return errors.Is(err, ipc.ErrUnreachable) || ipc.CodeOf(err) == ipc.CodeStopping
}

func (s *session[T]) service() (service T, stoodIn bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standIn != nil {
		return s.standIn.service, true, nil
	}
	service, err = s.current()
	return service, false, err
}

// takeOver makes the local service; several callers may find the remote one gone at the
// same time.
func (s *session[T]) takeOver(cause error) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standIn == nil && s.takeover == nil {
		s.takenOver(s.Name, cause)
		s.standIn, s.takeover = s.makeLocal()
	}
	if s.takeover != nil {
		var none T
		return none, s.takeover
	}
	return s.standIn.service, nil
}

// replaced reports whether the remote service has been given up.
func (s *session[T]) replaced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standIn != nil || s.takeover != nil
}

// end closes the local service, so that the next build tries the daemon again.
func (s *session[T]) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standIn == nil {
		return nil
	}
	return s.standIn.closing()
}

// takenOver tells once that a daemon was given up, and starts its replacement for the
// next build without waiting. The supervisor also ends a daemon that hangs: it could wake
// up later and continue its work.
func (b *build) takenOver(name string, cause error) {
	who := name + " daemon"
	if pid := b.s.pid(name); pid > 0 {
		who = fmt.Sprintf("%s (PID %d)", who, pid)
	}
	hint := fmt.Sprintf("`replibuild logs %s` says what happened", name)
	if b.s.cfg.Supervisor != nil {
		hint = fmt.Sprintf("it is being restarted; `replibuild logs %s` says what happened", name)
	}
	b.s.log.Warn("gave up on the daemon", "daemon", name, "build", b.job.id, "error", cause)
	b.emit(ipc.Notice{
		Level: "warning", Code: ipc.CodeUnreachable,
		Message: fmt.Sprintf("%s does not answer; %s in this process", who, doing(name)), Hint: hint,
	})
	if name == ipc.NameCompilation {
		b.job.nothingRuns()
	}
	b.s.ensureInBackground(name)
}

// doing says in the notice what this process does instead.
func doing(daemon string) string {
	switch daemon {
	case ipc.NameDiscovery:
		return "looking for changes"
	case ipc.NameSetup:
		return "reading the configuration"
	}
	return "compiling"
}

// pid asks the system for a daemon's PID, 0 if it is gone.
func (s *Service) pid(daemon string) int {
	if s.cfg.Supervisor == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(s.ctx, 200*time.Millisecond)
	defer cancel()
	for _, d := range s.cfg.Supervisor.Status(ctx).Daemons {
		if d.Name == daemon {
			return d.PID
		}
	}
	return 0
}

// ensureTimeout bounds the restart of a daemon, which waits for the old one to end.
const ensureTimeout = 15 * time.Second

func (s *Service) ensureInBackground(name string) {
	if s.cfg.Supervisor == nil {
		return
	}
	s.wg.Go(func() { // the building goroutine calls this, so wg is not at zero
		ctx, cancel := context.WithTimeout(s.ctx, ensureTimeout)
		defer cancel()
		if err := s.cfg.Supervisor.Ensure(ctx, []string{name}); err != nil && s.ctx.Err() == nil {
			s.log.Error("restart daemon", "daemon", name, "error", err)
		}
	})
}

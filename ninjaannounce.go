package replibuild

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// announceEvery is how often a build looks whether the orchestrator runs by now: it is
	// started with the first compile, or by a dashboard.
	announceEvery = 100 * time.Millisecond
	// announceLimit is how long the orchestrator may take for a batch of events, and for the
	// last one at the end of a build.
	announceLimit = 2 * time.Second
	// announceMax is how many events are kept for an orchestrator that does not run yet. Builds
	// with more are not shown: they are in the history at their end.
	announceMax = 20_000
)

// announcer shows a build of this process in the orchestrator of the build folder: the dashboard
// and `status` see it as any other. It never delays the build, and a fault of the orchestrator
// ends only the showing.
type announcer struct {
	project *Project
	request ipc.AnnounceRequest
	cancel  func() // asks this process to stop its build; may be nil

	mu     sync.Mutex
	events []ipc.Event // not sent yet
	ended  bool        // nothing follows
	lost   bool        // nothing is sent any more
	wake   chan struct{}
	ending chan struct{} // closed when ended is set
	done   chan struct{}
}

// newAnnouncer begins to announce a build. close must be called.
func newAnnouncer(p *Project, req ipc.AnnounceRequest, cancel func()) *announcer {
	a := &announcer{project: p, request: req, cancel: cancel, wake: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// add sends an event, some time later.
func (a *announcer) add(events ...ipc.Event) {
	a.mu.Lock()
	if !a.lost {
		a.events = append(a.events, events...)
	}
	a.mu.Unlock()
	pause.Wake(a.wake)
}

// close returns when all events were sent, or cannot be.
func (a *announcer) close() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	close(a.ending)
	<-a.done
}

func (a *announcer) run() {
	defer close(a.done)
	defer a.forget()
	if !a.awaitOrchestrator() {
		return
	}
	client := a.project.orchestratorClient()
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel() // it is shown no longer, or was not: another build may be
		_, _ = client.Announce(ctx, a.request, func(e ipc.Event) {
			if _, stop := e.Body.(ipc.CancelRequested); stop && a.cancel != nil {
				a.cancel()
			}
		})
	}()
	for a.send(ctx, client) {
	}
}

// awaitOrchestrator reports whether the orchestrator runs before the build has ended.
func (a *announcer) awaitOrchestrator() bool {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		if a.project.supervisor().Alive(ipc.NameOrchestrator) {
			return true
		}
		a.mu.Lock()
		hopeless := a.ended || len(a.events) > announceMax
		a.mu.Unlock()
		if hopeless {
			return false
		}
		select {
		case <-tick.C:
		case <-a.ending:
		}
	}
}

// send sends what there is, and reports whether more may follow. ctx ends when the orchestrator
// shows the build no longer.
func (a *announcer) send(ctx context.Context, client *ipc.OrchestratorClient) bool {
	a.mu.Lock()
	events, ended := a.events, a.ended
	a.events = nil
	a.mu.Unlock()
	if len(events) > 0 {
		ctx, cancel := context.WithTimeout(ctx, announceLimit)
		defer cancel()
		if _, err := client.Report(ctx, ipc.ReportRequest{Build: a.request.Build, Events: events}); err != nil {
			return false
		}
		return true
	}
	if ended {
		return false
	}
	select {
	case <-a.wake:
		return true
	case <-a.ending:
		return true
	case <-ctx.Done():
		return false
	}
}

// forget drops what is not sent, and whatever follows.
func (a *announcer) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost, a.events = true, nil
}

package orchestrator

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// announced are the builds that other processes make and report, by ID.
type announced struct {
	mu    sync.Mutex
	jobs  map[string]*job
	grown chan struct{} // closed and replaced when a build was announced
}

func newAnnounced() *announced {
	return &announced{jobs: map[string]*job{}, grown: make(chan struct{})}
}

func (a *announced) add(j *job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.jobs[j.id] = j
	close(a.grown)
	a.grown = make(chan struct{})
}

func (a *announced) remove(j *job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.jobs, j.id)
}

// await returns the build with that ID as soon as it was announced.
func (a *announced) await(ctx context.Context, build string) (*job, error) {
	for {
		a.mu.Lock()
		j, grown := a.jobs[build], a.grown
		a.mu.Unlock()
		if j != nil {
			return j, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ipc.Errorf(ipc.CodeCancelled, "report: no build %q was announced: %v", build, ctx.Err())
		}
	}
}

// Announce implements [ipc.Orchestrator].
func (s *Service) Announce(ctx context.Context, req ipc.AnnounceRequest, fn func(ipc.Event)) (ipc.AnnounceReply, error) {
	j, started, err := s.queue.occupy(req, s.publish)
	if err != nil {
		return ipc.AnnounceReply{}, err
	}
	if !started {
		s.shown.Store(j)
		defer s.vacate(j)
	}
	s.announced.add(j)
	defer s.announced.remove(j)
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.wg.Go(func() {
		if j.events.reader().follow(ctx, func(ipc.Event) {}) {
			close(ended)
		}
	})
	unwanted := j.ctx.Done()
	for {
		select {
		case <-ended:
			return ipc.AnnounceReply{}, nil
		case <-unwanted:
			fn(ipc.NewEvent(j.id, ipc.CancelRequested{}))
			unwanted = nil
		case <-ctx.Done():
			return ipc.AnnounceReply{}, ipc.Errorf(ipc.CodeCancelled, "announce: %v", ctx.Err())
		}
	}
}

// vacate ends an announced build for those who watch it, unless its end was reported, and starts
// the next one.
func (s *Service) vacate(j *job) {
	err := cancelled(j.id, "the process that made it is gone")
	j.finish(ipc.BuildReply{Build: j.id, Cancelled: true, Detail: err.Message}, 0, err)
	s.returnTurn()
}

// Report implements [ipc.Orchestrator].
func (s *Service) Report(ctx context.Context, req ipc.ReportRequest) (ipc.ReportReply, error) {
	j, err := s.announced.await(ctx, req.Build)
	if err != nil {
		return ipc.ReportReply{}, err
	}
	for _, e := range req.Events {
		j.report(e.Body)
	}
	return ipc.ReportReply{}, nil
}

// report adds an event of the process that makes the build.
func (j *job) report(body ipc.EventBody) {
	switch b := body.(type) {
	case nil, ipc.Snapshot, ipc.BuildQueued:
		return
	case ipc.BuildPlanned:
		j.setUnits(b.Units, b.Units-b.Dirty)
	case ipc.UnitStarted:
		j.begins(ipc.RunningJob{ID: b.Target + ":" + b.File, File: b.File, Target: b.Target})
	case ipc.UnitFinished:
		j.unitDone(b.Target + ":" + b.File)
	case ipc.LinkStarted:
		j.begins(ipc.RunningJob{ID: ipc.LinkID(b.Target), File: b.Target, Target: b.Target})
	case ipc.LinkFinished:
		j.ends(ipc.LinkID(b.Target))
	case ipc.StepStarted:
		j.begins(ipc.RunningJob{ID: b.Step, File: b.Step})
	case ipc.StepFinished:
		j.ends(b.Step)
	case ipc.BuildFinished:
		j.nothingRuns()
		j.finish(ipc.BuildReply{
			Build: j.id, Success: b.OK, Counts: b.Counts, Seconds: b.Seconds, Cancelled: b.Cancelled, Detail: b.Detail,
		}, b.Links, nil)
		return
	}
	j.events.add(j.id, body)
}

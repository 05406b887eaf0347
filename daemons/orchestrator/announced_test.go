package orchestrator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/RepliBuild/replibuild/ipc"
)

// announcing is a process that makes a build of its own.
type announcing struct {
	t       *testing.T
	s       *Service
	build   string
	vanish  context.CancelFunc
	unwants int // how often it was asked to stop
	err     error
	done    chan struct{}
}

func announce(t *testing.T, s *Service, build string) *announcing {
	ctx, vanish := context.WithCancel(t.Context())
	a := &announcing{t: t, s: s, build: build, vanish: vanish, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		_, a.err = s.Announce(ctx, ipc.AnnounceRequest{Build: build, Trigger: ipc.TriggerCommand}, func(ipc.Event) { a.unwants++ })
	}()
	return a
}

func (a *announcing) report(bodies ...ipc.EventBody) {
	a.t.Helper()
	var events []ipc.Event
	for _, b := range bodies {
		events = append(events, ipc.NewEvent(a.build, b))
	}
	if _, err := a.s.Report(a.t.Context(), ipc.ReportRequest{Build: a.build, Events: events}); err != nil {
		a.t.Fatal(err)
	}
}

// A build of another process is shown, and no other one runs beside it.
func TestAnnouncedBuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newWorld().service(t)
		a := announce(t, s, "theirs")
		a.report(ipc.BuildStarted{Project: "demo"}, ipc.BuildPlanned{Units: 3, Dirty: 2}, ipc.UnitStarted{File: "a.cpp", Target: "app"})
		q := s.queue.reply()
		equal(t, "running", [3]any{q.Running.Build, q.Running.Units, q.Running.Done}, [3]any{"theirs", 3, 1})
		equal(t, "job", q.Running.Jobs[0].ID, "app:a.cpp")

		ours := call(s, ipc.BuildRequest{})
		synctest.Wait()
		equal(t, "waiting", len(s.queue.reply().Waiting), 1)
		if _, err := s.Announce(t.Context(), ipc.AnnounceRequest{Build: "another"}, nil); ipc.CodeOf(err) != ipc.CodeQueueFull {
			t.Errorf("a second announced build: %v", err)
		}

		a.report(ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled})
		equal(t, "jobs", len(s.queue.reply().Running.Jobs), 0)
		a.report(ipc.BuildFinished{OK: true, Counts: ipc.Counts{Compiled: 1, Cached: 2}})
		<-a.done
		equal(t, "announce", a.err, nil)
		if o := ours.wait(); o.err != nil || !o.Success {
			t.Errorf("the build that waited: %+v, %v", o.BuildReply, o.err)
		}
	})
}

// Who makes a build is asked to stop it. Without its process it is over.
func TestAnnouncedBuildIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newWorld().service(t)
		a := announce(t, s, "theirs")
		a.report(ipc.BuildStarted{Project: "demo"})
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			if r, err := s.Cancel(t.Context(), ipc.CancelRequest{Build: "theirs"}); err != nil || !r.Cancelled {
				t.Errorf("cancel: %+v, %v", r, err)
			}
		}()
		synctest.Wait()
		equal(t, "asked to stop", a.unwants, 1)
		equal(t, "still shown", s.queue.reply().Running.Build, "theirs")
		a.vanish()
		<-a.done
		<-asked
		waitIdle(s)
		shown := s.shownEvents()
		end, ok := shown[len(shown)-1].Body.(ipc.BuildFinished)
		equal(t, "end", [2]bool{ok, end.Cancelled}, [2]bool{true, true})
	})
}

// The orchestrator has a process build, and takes what that reports for its own build.
func TestForeignBuild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		report []ipc.EventBody
		err    error
		want   ipc.BuildReply
	}{
		{"done", []ipc.EventBody{ipc.BuildStarted{}, ipc.BuildFinished{OK: true, Counts: ipc.Counts{Compiled: 1}}}, nil,
			ipc.BuildReply{Success: true, Counts: ipc.Counts{Compiled: 1}}},
		{"nothing to do", nil, nil, ipc.BuildReply{Success: true}},
		{"not configured", nil, errors.New("CMake Error"), ipc.BuildReply{Detail: "CMake Error"}},
		{"dies", []ipc.EventBody{ipc.BuildStarted{}}, errors.New("signal: killed"), ipc.BuildReply{Detail: "signal: killed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *Service
				s = newWorld().service(t, func(cfg *Config) {
					cfg.Foreign = func(_ context.Context, build string, _ ipc.BuildRequest) error {
						a := announce(t, s, build)
						defer func() { a.vanish(); <-a.done }()
						if c.report != nil {
							a.report(c.report...)
						}
						return c.err
					}
				})
				o := build1(t, s, ipc.BuildRequest{})
				equal(t, "started", len(bodies[ipc.BuildStarted](o)), 1)
				equal(t, "finished", len(bodies[ipc.BuildFinished](o)), 1)
				o.Build, o.Seconds = "", 0
				equal(t, "reply", o.BuildReply, c.want)
			})
		})
	}
}

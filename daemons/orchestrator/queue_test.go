package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// caller is a Build that runs in a goroutine of its own.
type caller struct {
	outcome
	cancel context.CancelFunc
	done   chan struct{}
}

func call(s *Service, req ipc.BuildRequest) *caller {
	ctx, cancel := context.WithCancel(context.Background())
	c := &caller{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.BuildReply, c.err = s.Build(ctx, req, func(e ipc.Event) { c.events = append(c.events, e) })
		if ctx.Err() == nil {
			waitOver(s, c.Build)
		}
	}()
	return c
}

func (c *caller) wait() outcome { <-c.done; return c.outcome }

// held makes every compile wait until release is called or its build is cancelled.
func (w *world) held() (release func()) {
	gate := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compilation.during = func(ctx context.Context, _ string) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	return sync.OnceFunc(func() { close(gate) })
}

func env(value string) ipc.BuildRequest { return ipc.BuildRequest{Env: []string{"CC=" + value}} }

func TestEqualRequestsJoinOthersQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		release := w.held()
		first := call(s, env("a"))
		synctest.Wait()
		same, other, third := call(s, env("a")), call(s, env("b")), call(s, env("c"))
		synctest.Wait()
		alsoOther := call(s, env("b"))
		synctest.Wait()
		q, _ := s.Queue(t.Context(), ipc.QueueRequest{})
		if q.Running == nil || q.Running.Callers != 2 || len(q.Waiting) != 2 || q.Limit != 3 || len(q.Running.Jobs) != 1 {
			t.Errorf("queue: %+v", q)
		}
		release()
		a, b, c, d := first.wait(), same.wait(), other.wait(), alsoOther.wait()
		third.wait()
		if a.Build != b.Build || a.Joined || !b.Joined || c.Build != d.Build || c.Build == a.Build {
			t.Errorf("builds %+v %+v %+v %+v", a.BuildReply, b.BuildReply, c.BuildReply, d.BuildReply)
		}
		equal(t, "events of who joined", len(b.events), len(a.events))
		equal(t, "the end", b.events[len(b.events)-1].Name, "build_finished")
		places := append(bodies[ipc.BuildQueued](c), bodies[ipc.BuildQueued](third.outcome)...)
		if len(places) != 3 { // 1 for the next, 2 and then 1 for the other
			t.Errorf("places: %+v", places)
		}
	})
}

func TestQueueFullAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		release := w.held()
		var callers []*caller
		for i := range 4 { // one runs, three wait
			callers = append(callers, call(s, env(fmt.Sprint(i))))
			synctest.Wait()
		}
		began := time.Now()
		o := build1(t, s, env("one too many"))
		equal(t, "code", ipc.CodeOf(o.err), ipc.CodeQueueFull)
		equal(t, "waited", time.Since(began), 0)
		if o := build1(t, s, ipc.BuildRequest{Env: []string{"CC=3"}, Detach: true}); o.err != nil || !o.Joined {
			t.Errorf("an equal request is refused: %v", o.err)
		}
		release()
		for _, c := range callers {
			if o := c.wait(); o.err != nil {
				t.Error(o.err)
			}
		}
	})
}

func TestCallerThatGoesAwayCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.compilation.parallel = 2
		s := w.service(t)
		w.held()
		c := call(s, ipc.BuildRequest{})
		synctest.Wait()
		c.cancel()
		o := c.wait()
		equal(t, "code", ipc.CodeOf(o.err), ipc.CodeCancelled)
		equal(t, "cancelled in compilation", w.compilation.cancels, []string{o.Build})
		equal(t, "running", w.compilation.running, 0)
		if o.Skipped != 3 || o.Success {
			t.Errorf("%+v", o.BuildReply)
		}
		last := o.events[len(o.events)-1].Body.(ipc.BuildFinished)
		if last.OK || last.Skipped != 3 || !last.Cancelled {
			t.Errorf("%+v", last)
		}
		past, err := s.History(t.Context(), ipc.HistoryRequest{Build: o.Build})
		if err != nil || !past.Builds[0].Cancelled || past.Builds[0].Units[0].Reason.Code != ipc.ReasonCancelled {
			t.Errorf("history: %+v %v", past, err)
		}
		w.compilation.during = nil
		built(t, s)
		equal(t, "app", w.output("build/app"), w.want("app"))
	})
}

func TestOneOfTwoCallersGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		release := w.held()
		a, b := call(s, ipc.BuildRequest{}), call(s, ipc.BuildRequest{})
		synctest.Wait()
		a.cancel()
		equal(t, "code", ipc.CodeOf(a.wait().err), ipc.CodeCancelled)
		release()
		if o := b.wait(); o.err != nil || !o.Success || len(w.compilation.cancels) > 0 {
			t.Errorf("%+v %v", o.BuildReply, o.err)
		}
	})
}

func TestDetachedBuildGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		release := w.held()
		o := build1(t, s, ipc.BuildRequest{Detach: true})
		if o.err != nil || !o.Success || len(o.events) > 0 {
			t.Fatal(o)
		}
		joined := call(s, ipc.BuildRequest{})
		synctest.Wait()
		joined.cancel()
		joined.wait()
		release()
		synctest.Wait()
		equal(t, "app", w.output("build/app"), w.want("app"))
	})
}

func TestCancelByID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		w.held()
		running, waiting := call(s, env("a")), call(s, env("b"))
		synctest.Wait()
		q, _ := s.Queue(t.Context(), ipc.QueueRequest{})
		ids := []string{q.Waiting[0].Build, q.Running.Build}
		for _, id := range append(ids, "nope") {
			r, err := s.Cancel(t.Context(), ipc.CancelRequest{Build: id})
			if err != nil || r.Cancelled != (id != "nope") {
				t.Errorf("cancel %s: %+v %v", id, r, err)
			}
		}
		for _, c := range []*caller{running, waiting} {
			o := c.wait()
			equal(t, "code", ipc.CodeOf(o.err), ipc.CodeCancelled)
			last, _ := o.events[len(o.events)-1].Body.(ipc.BuildFinished)
			equal(t, "cancelled", last.Cancelled, true)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		w.held()
		a, b := call(s, env("a")), call(s, env("b"))
		seen := make(chan error, 1)
		go func() { seen <- s.Subscribe(context.Background(), ipc.SubscribeRequest{}, func(ipc.Event) {}) }()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range []*caller{a, b} {
			equal(t, "code", ipc.CodeOf(c.wait().err), ipc.CodeCancelled)
		}
		equal(t, "subscriber", ipc.CodeOf(<-seen), ipc.CodeStopping)
		equal(t, "afterwards", ipc.CodeOf(build1(t, s, ipc.BuildRequest{}).err), ipc.CodeStopping)
	})
}

// Whoever joins a build that has looked already gets what was saved before he asked.
func TestJoinedBuildLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		built(t, s)
		release := w.held()
		w.write("src/util.cpp", "a mistake")
		w.compilation.fails["app:src/util.cpp"] = true
		a := call(s, ipc.BuildRequest{})
		synctest.Wait()
		w.write("src/main.cpp", "newer")
		b := call(s, ipc.BuildRequest{})
		synctest.Wait()
		w.mu.Lock()
		w.compilation.fails = map[string]bool{} // read before the compile: the first attempt still fails
		w.mu.Unlock()
		release()
		for _, o := range []outcome{a.wait(), b.wait()} {
			if o.err != nil || !o.Success {
				t.Errorf("%+v %v", o.BuildReply, o.err)
			}
		}
		equal(t, "app", w.output("build/app"), w.want("app"))
	})
}

// What failed or was skipped before another caller joined may be in place after that. The callers
// hear of it again.
func TestJoinedBuildTakesBackFailures(t *testing.T) {
	t.Parallel()
	for failing, source := range map[string]string{"app:src/util.cpp": "src/util.cpp", "step:build/gen/a.txt": "api.json"} {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				withSteps(w)
				w.includes["src/main.cpp"] = append(w.includes["src/main.cpp"], "build/gen/a.txt")
				s := w.service(t)
				built(t, s)
				before := w.files[source].text
				release := w.held()
				w.write(source, "a mistake")
				w.compilation.fails[failing] = true // read before it is held: the first attempt fails
				a := call(s, ipc.BuildRequest{})
				synctest.Wait()
				w.write(source, before)
				b := call(s, ipc.BuildRequest{})
				synctest.Wait()
				w.mu.Lock()
				w.compilation.fails = map[string]bool{}
				w.mu.Unlock()
				release()
				for _, o := range []outcome{a.wait(), b.wait()} {
					if !o.Success || o.Total() != 3 {
						t.Errorf("%+v %v", o.BuildReply, o.err)
					}
					for id, status := range lastStatuses(o) {
						if status == ipc.StatusFailed || status == ipc.StatusSkipped {
							t.Errorf("the last that is told of %s is %q", id, status)
						}
					}
				}
			})
		})
	}
}

// lastStatuses is what a build told last of each action.
func lastStatuses(o outcome) map[string]string {
	last := map[string]string{}
	for _, e := range o.events {
		id, _ := endOf(e.Body)
		switch b := e.Body.(type) {
		case ipc.UnitFinished:
			last[id] = b.Status
		case ipc.LinkFinished:
			last[id] = b.Status
		case ipc.StepFinished:
			last[id] = b.Status
		}
	}
	return last
}

// Whatever callers do: every build that is begun has one end, no caller gets less than
// what was on disk when he asked, and nothing is left.
func TestCallersProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.compilation.parallel = rapid.IntRange(1, 3).Draw(r, "parallel")
			w.compilation.during = func(ctx context.Context, _ string) { pause.For(ctx, 10*time.Millisecond) }
			s := w.service(t)
			var callers []*caller
			for i := range rapid.IntRange(1, 12).Draw(r, "steps") {
				switch rapid.SampledFrom([]string{"call", "call", "edit", "leave", "cancel", "wait"}).Draw(r, "step") {
				case "call":
					callers = append(callers, call(s, env(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "env"))))
				case "edit":
					w.write(rapid.SampledFrom([]string{"src/main.cpp", "include/math.h", "src/util.cpp"}).Draw(r, "file"), fmt.Sprint(i))
				case "leave":
					if len(callers) > 0 {
						rapid.SampledFrom(callers).Draw(r, "who").cancel()
					}
				case "cancel":
					if q, _ := s.Queue(t.Context(), ipc.QueueRequest{}); q.Running != nil {
						go s.Cancel(context.Background(), ipc.CancelRequest{Build: q.Running.Build})
					}
				case "wait":
					time.Sleep(time.Duration(rapid.IntRange(0, 40).Draw(r, "ms")) * time.Millisecond)
				}
			}
			for _, c := range callers {
				checkCaller(t, c.wait())
			}
			w.compilation.during = nil
			built(t, s)
			equal(t, "app", w.output("build/app"), w.want("app"))
			q, _ := s.Queue(t.Context(), ipc.QueueRequest{})
			if q.Running != nil && len(q.Running.Jobs) > 0 || len(q.Waiting) > 0 || w.compilation.running != 0 {
				t.Errorf("left: %+v", q)
			}
		})
		if t.Failed() {
			r.Fatal("see above")
		}
	})
}

func checkCaller(t *testing.T, o outcome) {
	code := ipc.CodeOf(o.err)
	switch {
	case code == ipc.CodeQueueFull:
		if len(o.events) > 0 {
			t.Errorf("events of a refused build: %v", o.events)
		}
		return
	case code != "" && code != ipc.CodeCancelled:
		t.Errorf("%v", o.err)
	case code == "" && !o.Success:
		t.Errorf("%+v", o.BuildReply)
	}
	ends := 0
	for i, e := range o.events {
		if e.Seq != uint64(i+1) || e.Build != o.Build {
			t.Errorf("event %d: %+v", i, e)
		}
		if e.Name == "build_finished" {
			ends++
		}
	}
	if code == "" && ends != 1 || ends > 1 {
		t.Errorf("%d ends", ends)
	}
}

func TestErrorsOfTheCallerBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := newWorld().service(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Build(ctx, ipc.BuildRequest{}, func(ipc.Event) {})
	if ipc.CodeOf(err) != ipc.CodeCancelled || errors.Is(err, ipc.ErrUnreachable) {
		t.Error(err)
	}
}

package orchestrator

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// queue lets one build run at a time, joins equal requests and bounds how many wait. It
// never adds events while it holds mu, because the receiver may call the queue.
type queue struct {
	limit   int
	publish func(ipc.Event)
	start   func(*job) // called when a job arrives while none runs; must not block

	mu      sync.Mutex
	running *job
	waiting []*job
	closed  bool
}

func newQueue(limit int, publish func(ipc.Event), start func(*job)) *queue {
	return &queue{limit: limit, publish: publish, start: start}
}

// Causes of a job's cancellation, for those who look at its context.
var (
	errAbandoned = errors.New("its caller went away")
	errCancelled = errors.New("by request")
	errClosed    = errors.New("the orchestrator is shutting down")
)

// submit finds the job for a request: an equal one that can still be joined, else
// a new one. A pinned job goes on when no caller is left.
func (q *queue) submit(req ipc.BuildRequest, detach bool) (j *job, joined bool, err error) {
	j, position, err := q.enter(req, detach)
	if err != nil {
		return nil, false, err
	}
	if position > 0 {
		j.tellPosition(position)
	}
	return j, position < 0, nil
}

// enter is submit without the event. position is -1 if j existed already, 0 if it runs at
// once (or in a moment, when the running job has finished for its callers), else its
// place in the queue.
func (q *queue) enter(req ipc.BuildRequest, detach bool) (j *job, position int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, 0, ipc.Errorf(ipc.CodeStopping, "build: %v", errClosed)
	}
	key := requestKey(req)
	if j := q.joinable(key); j != nil {
		j.join(detach)
		return j, -1, nil
	}
	if len(q.waiting) >= q.limit {
		return nil, 0, ipc.Errorf(ipc.CodeQueueFull, "%d builds wait already, which is the limit", len(q.waiting)).
			WithHint("try again when some have finished, or raise queue_size under [daemons.orchestrator] in .replibuild/daemon_config.toml")
	}
	j = newJob(req, key, q.publish)
	j.join(detach)
	if q.running != nil {
		q.waiting = append(q.waiting, j)
		if q.running.sealed && len(q.waiting) == 1 {
			return j, 0, nil
		}
		return j, len(q.waiting), nil
	}
	q.running = j
	q.start(j)
	return j, 0, nil
}

// joinable returns the job with that key that does not end yet. mu is held.
func (q *queue) joinable(key string) *job {
	for _, j := range append(q.waiting[:len(q.waiting):len(q.waiting)], q.running) {
		if j != nil && j.key == key && !j.sealed && j.ctx.Err() == nil {
			return j
		}
	}
	return nil
}

// next ends the running job and returns the one that runs now, nil if none waits.
// Those behind it hear of their new places before it starts.
func (q *queue) next() *job {
	q.mu.Lock()
	close(q.running.gone)
	q.running = nil
	if len(q.waiting) > 0 {
		q.running = q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
	}
	j, waiting := q.running, slices.Clone(q.waiting)
	q.mu.Unlock()
	tellPositions(waiting)
	return j
}

func tellPositions(waiting []*job) {
	for i, j := range waiting {
		j.tellPosition(i + 1)
	}
}

// leave takes a caller off a job. It reports whether that was the last one: the job is
// cancelled then.
func (q *queue) leave(j *job) bool {
	q.mu.Lock()
	j.callers--
	if j.callers > 0 || j.pinned {
		q.mu.Unlock()
		return false
	}
	q.stopAndUnlock(j, errAbandoned)
	return true
}

// cancel stops the running or waiting job with that id, nil if there is none.
func (q *queue) cancel(id string) *job {
	j := q.find(id)
	if j != nil {
		q.stop(j, errCancelled)
	}
	return j
}

func (q *queue) find(id string) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range append(q.waiting[:len(q.waiting):len(q.waiting)], q.running) {
		if j != nil && j.id == id && !j.hidden {
			return j
		}
	}
	return nil
}

// stop cancels a job. One that still waits ends here, the running one ends itself.
func (q *queue) stop(j *job, why error) {
	q.mu.Lock()
	q.stopAndUnlock(j, why)
}

// stopAndUnlock needs mu and gives it back: the decision must be taken under the same
// lock as what the caller saw, and events must be sent without it.
func (q *queue) stopAndUnlock(j *job, why error) {
	at := slices.Index(q.waiting, j)
	if at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
	}
	waiting := slices.Clone(q.waiting)
	j.cancel(why)
	q.mu.Unlock()
	if at >= 0 {
		err := cancelled(j.id, why.Error())
		j.finish(ipc.BuildReply{Build: j.id, Cancelled: true, Detail: err.Message}, 0, err)
		tellPositions(waiting)
	}
}

// close refuses new jobs and stops all others.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	all := slices.Clone(q.waiting)
	if q.running != nil {
		all = append(all, q.running)
	}
	q.mu.Unlock()
	for _, j := range all {
		q.stop(j, errClosed)
	}
}

// lookNow notes that j is about to ask what has changed. A request that joins later may
// come after a later change.
func (q *queue) lookNow(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.looked, j.lookAgain = true, false
}

// seal ends the time in which j can be joined, unless somebody joined after it had
// looked for changes (false): then it has to look again.
func (q *queue) seal(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.lookAgain && j.ctx.Err() == nil {
		return false
	}
	j.sealed = true
	return true
}

func (q *queue) reply() ipc.QueueReply {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := ipc.QueueReply{Waiting: []ipc.BuildInfo{}, Limit: q.limit}
	if q.running != nil && !q.running.hidden {
		info := q.running.info()
		r.Running = &info
	}
	for _, j := range q.waiting {
		r.Waiting = append(r.Waiting, j.info())
	}
	return r
}

// job is one build that waits, runs or has ended.
type job struct {
	id     string
	key    string // equal keys ask for the same
	req    ipc.BuildRequest
	events *eventLog
	ctx    context.Context
	cancel context.CancelCauseFunc
	progress

	gone chan struct{} // closed when it runs no more, and the next one may

	// Set before the log is closed, read after it.
	ended sync.Once
	reply ipc.BuildReply
	err   error

	// Of the queue's mu.
	callers   int
	pinned    bool // goes on without callers
	looked    bool // it has asked what has changed
	lookAgain bool // somebody joined since
	sealed    bool // it ends: no caller can join
	hidden    bool // it may turn out to be no build
}

// join needs the queue's mu.
func (j *job) join(detach bool) {
	if detach {
		j.pinned = true
	} else {
		j.callers++
	}
	j.lookAgain = j.looked
}

// occupy makes the job of an announced build, if none runs. If the orchestrator has started the
// process itself, that is the job that runs already (started).
func (q *queue) occupy(req ipc.AnnounceRequest, publish func(ipc.Event)) (j *job, started bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, false, ipc.Errorf(ipc.CodeStopping, "announce: %v", errClosed)
	case req.Build == "":
		return nil, false, ipc.Errorf(ipc.CodeBadRequest, "announce: the build has no id")
	case q.running != nil && q.running.id == req.Build:
		return q.running, true, nil
	case q.running != nil:
		return nil, false, ipc.Errorf(ipc.CodeQueueFull, "announce: build %s runs already", q.running.id)
	}
	j = newJob(ipc.BuildRequest{Trigger: req.Trigger, Targets: req.Targets}, "", publish)
	j.id, j.callers, j.sealed = req.Build, 1, true
	q.running = j
	return j, false, nil
}

// lend makes a job that runs now, and that no caller can join or see. The caller runs it, and then
// starts what [queue.next] returns. nil: another one runs, or ctx has ended. One that has only to
// clear up behind itself is waited for.
func (q *queue) lend(ctx context.Context, req ipc.BuildRequest) *job {
	for {
		j, busy := q.tryLend(req)
		if j != nil || busy == nil {
			return j
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil
		}
	}
}

// tryLend is lend without waiting: busy is closed when the job is gone that ends.
func (q *queue) tryLend(req ipc.BuildRequest) (j *job, busy <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, nil
	case q.running == nil:
		j = newJob(req, "", q.publish)
		j.callers, j.sealed, j.hidden = 1, true, true
		q.running = j
		return j, nil
	case q.running.sealed:
		return nil, q.running.gone
	}
	return nil, nil
}

// tellPosition tells the place of a job in the queue; the first one is 1.
func (j *job) tellPosition(position int) {
	j.events.add(j.id, ipc.BuildQueued{Position: position, Trigger: j.req.Trigger, Targets: j.req.Targets, Files: j.req.Files})
}

// finish ends the job for its callers. The first call counts.
func (j *job) finish(reply ipc.BuildReply, links int, err error) {
	j.ended.Do(func() {
		j.reply, j.err = reply, err
		j.events.add(j.id, ipc.BuildFinished{
			OK: reply.Success, Cancelled: reply.Cancelled,
			Counts: reply.Counts, Links: links, Seconds: reply.Seconds, Detail: reply.Detail,
		})
	})
}

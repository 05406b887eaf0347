package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxCauses bounds the causes that are sent with an action: a target whose thousand
// objects all changed needs no thousand causes.
const maxCauses = 8

// scheduler brings the actions of a scope up to date. An action is ready when all that it
// needs is done. Then it is skipped if that failed, left alone if nothing that it reads
// may have changed, else sent to compilation, which decides by content whether a process
// has to run: equal content ends the chain at every edge.
//
// Everything in it belongs to the goroutine of the build; requests post what they hear as
// events.
type scheduler struct {
	b        *build
	g        *actionGraph
	schedule *schedule
	states   []actionState // by action; those outside of the scope are not used
	ready    []int
	waiting  []planned // to be sent to compilation
	open     int       // actions of the scope that are not done
	requests int       // to compilation, that run
	limit    int       // of requests at a time: each has a connection of its own
	seen     changes
	// stale says that a command has run since discovery was asked: what it wrote may be
	// read by actions that do not declare it.
	stale   bool
	readers map[int]map[string]bool // of what failed commands did not make
	clean   []*ipc.Action           // units in place that were not told yet
	stopped *ipc.Reason             // why nothing more is begun
	failure error                   // of a request as a whole
	// expectedBefore is what the earlier rounds of the build were expected to take.
	expectedBefore float64
	events         chan func()
}

// actionState is what is known of an action on its way.
type actionState struct {
	inScope bool
	waits   int         // actions before it that are not done
	needed  bool        // it may not be up to date
	known   bool        // discovery has a record of it: what changed since is a reason
	causes  []ipc.Cause // what changed
	broken  *ipc.Reason // why it cannot be made
	lost    []int       // failed actions that it comes after and that make none of its declared inputs
	started bool
	done    bool
}

func newScheduler(b *build, seen changes) *scheduler {
	s := &scheduler{
		b: b, g: b.graph, schedule: newSchedule(b.graph, b.costs), states: make([]actionState, len(b.plan.Actions)),
		limit: 1 + b.slots(), readers: map[int]map[string]bool{}, events: make(chan func(), 64),
		expectedBefore: b.expected,
	}
	for _, i := range b.scope.actions {
		s.states[i].inScope = true
		s.open++
	}
	for _, i := range b.scope.actions {
		s.states[i].waits = len(s.g.needs[i])
		if s.states[i].waits == 0 {
			s.ready = append(s.ready, i)
		}
	}
	s.look(seen)
	return s
}

// look takes in what discovery says of actions that have not been begun.
func (s *scheduler) look(seen changes) {
	s.seen, s.stale = seen, false
	for _, i := range s.b.scope.actions {
		n, a := &s.states[i], s.action(i)
		if n.started || n.done || a.Kind == ipc.ActionPhony {
			continue
		}
		n.known = s.b.lastBuild.recorded[a.ID]
		causes, dirty := seen.dirty[a.ID]
		if change, changed := seen.variables[s.b.lastBuild.asked.SetOf(a.ID)]; changed && n.known {
			causes, dirty = append(slices.Clip(causes), words.EnvironmentCause(change)), true
		}
		if dirty {
			n.causes = withCauses(n.causes, causes)
		}
		n.needed = n.needed || dirty || !n.known || s.b.job.req.NoCache
	}
}

// withCauses adds causes that are not there yet.
func withCauses(causes, more []ipc.Cause) []ipc.Cause {
	causes = slices.Clip(causes)
	for _, c := range more {
		if len(causes) < maxCauses && !slices.Contains(causes, c) {
			causes = append(causes, c)
		}
	}
	return causes
}

func (s *scheduler) action(i int) *ipc.Action { return &s.b.plan.Actions[i] }

// run brings everything up to date. When it returns each action of the scope has an
// outcome, and nothing runs any more. The error is for what ended the build early.
func (s *scheduler) run() (err error) {
	for {
		if failed := s.advance(); failed != nil && s.stopped == nil {
			err = failed
			s.stop(s.b.stopReason(err))
			continue
		}
		if s.open == 0 && s.requests == 0 {
			return err
		}
		select {
		case event := <-s.events:
			event()
			s.drain()
		case <-s.cancelled():
			err = s.b.job.ctx.Err()
			s.stop(s.b.stopReason(err))
		}
	}
}

// cancelled is the end of the build's context, nil if that was seen already.
func (s *scheduler) cancelled() <-chan struct{} {
	if s.stopped != nil {
		return nil
	}
	return s.b.job.ctx.Done()
}

// drain handles what has arrived, so that what becomes ready at once is sent together.
func (s *scheduler) drain() {
	for {
		select {
		case event := <-s.events:
			event()
		default:
			return
		}
	}
}

// stop ends the build early: what has not been sent is not made.
func (s *scheduler) stop(why ipc.Reason) {
	s.stopped = &why
	for _, p := range s.waiting {
		s.done(p.at, skipped(&p.Action, why))
	}
	s.waiting = nil
}

// advance decides about all that is ready and sends what has to be made.
func (s *scheduler) advance() error {
	for len(s.ready) > 0 {
		if s.stale && s.stopped == nil {
			if err := s.lookAgain(); err != nil {
				return err
			}
		}
		i := s.ready[0]
		s.ready = s.ready[1:]
		if p := s.decide(i); p != nil {
			s.waiting = append(s.waiting, *p)
		}
	}
	s.tellClean()
	s.send()
	return s.failure
}

// lookAgain asks discovery once more, after commands have run: only it knows who reads
// what they made.
func (s *scheduler) lookAgain() error {
	before := s.countNeeded()
	seen, err := s.b.look()
	if err != nil {
		return err
	}
	s.look(seen)
	if s.countNeeded() != before {
		s.announce()
	}
	return nil
}

// decide ends an action that has nothing to do, or returns it with what compilation has
// to know.
func (s *scheduler) decide(i int) *planned {
	n, a := &s.states[i], s.action(i)
	if a.Kind != ipc.ActionPhony && s.stopped == nil && n.broken == nil {
		if by := s.blockedBy(i); by != nil {
			why := words.NeededFailed(nameOf(by))
			n.broken = &why
		}
	}
	switch {
	case a.Kind == ipc.ActionPhony:
		s.done(i, ipc.ActionResult{ID: a.ID, Status: ipc.StatusCached, InPlace: true})
	case s.stopped != nil:
		s.done(i, skipped(a, *s.stopped))
	case n.broken != nil:
		s.done(i, skipped(a, *n.broken))
	case !n.needed:
		s.done(i, ipc.ActionResult{ID: a.ID, Status: ipc.StatusCached, InPlace: true})
	default:
		n.started = true
		p := planned{RunAction: ipc.RunAction{Action: *a, Causes: n.causes, Set: s.seen.sets[a.ID], Beside: s.b.outputs.besideOf(a.ID)}, at: i}
		return &p
	}
	return nil
}

func skipped(a *ipc.Action, why ipc.Reason) ipc.ActionResult {
	return ipc.ActionResult{ID: a.ID, Status: ipc.StatusSkipped, Reason: why}
}

// blockedBy returns a failed action that an action comes after and needs: it read one of
// the outputs when it was made last, or it was never made, so that this is not known.
func (s *scheduler) blockedBy(i int) *ipc.Action {
	n, a := &s.states[i], s.action(i)
	for _, from := range n.lost {
		reads := s.readersOf(from)
		if reads == nil || reads[a.ID] || !n.known {
			return s.action(from)
		}
	}
	return nil
}

// readersOf names the nodes that read outputs of an action; nil if discovery cannot tell.
func (s *scheduler) readersOf(i int) map[string]bool {
	reads, asked := s.readers[i]
	if !asked {
		reads = s.b.readersOf(s.action(i).Outputs)
		s.readers[i] = reads
	}
	return reads
}

// done takes the outcome of an action and gives it to those after it.
func (s *scheduler) done(i int, r ipc.ActionResult) {
	n, a := &s.states[i], s.action(i)
	n.done = true
	s.open--
	s.b.actionDone(a, n, r)
	if r.InPlace && a.Kind == ipc.ActionCompile && !n.started {
		s.clean = append(s.clean, a)
	}
	if a.Kind == ipc.ActionCommand && !r.InPlace && r.Status != ipc.StatusSkipped {
		s.stale = true
	}
	for _, e := range s.g.users[i] {
		if s.states[e.to].inScope {
			s.inputDone(e, i, r)
		}
	}
}

// inputDone tells the action at the end of an edge what became of the one before it.
func (s *scheduler) inputDone(e edge, from int, r ipc.ActionResult) {
	n, to := &s.states[e.to], s.action(e.to)
	failed := r.Status == ipc.StatusFailed || r.Status == ipc.StatusSkipped
	switch {
	case s.action(from).Kind == ipc.ActionPhony:
		n.lost = append(n.lost, s.states[from].lost...)
	case failed && e.orderOnly:
		n.lost = append(n.lost, from)
	case r.Status == ipc.StatusFailed:
		n.breaks(words.NeededFailed(nameOf(s.action(from))))
	case failed:
		n.breaks(r.Reason)
	case e.orderOnly || r.InPlace:
	case r.Changed:
		n.needed = true
		if n.known { // to what was never made everything is new, and that is its reason
			n.causes = withCauses(n.causes, []ipc.Cause{{Kind: ipc.CauseChanged, Path: e.input}})
		}
	case to.Links():
		// The file may be a new one with the same content: then its signature in
		// discovery's record of the link has to be renewed.
		n.needed = true
	}
	n.waits--
	if n.waits == 0 {
		s.ready = append(s.ready, e.to)
	}
}

// breaks keeps the first reason why an action cannot be made.
func (n *actionState) breaks(why ipc.Reason) {
	if n.broken == nil {
		n.broken = &why
	}
}

// send asks compilation for what waits, all in one request. While many requests run, it
// goes on waiting.
func (s *scheduler) send() {
	if len(s.waiting) == 0 || s.requests >= s.limit {
		return
	}
	s.schedule.order(s.waiting)
	r := newRequest(s, s.waiting)
	s.waiting = nil
	s.requests++
	s.b.working.Store(true)
	go r.run()
}

// requestDone ends a request. Actions without an answer failed with it. why is nil if the
// request itself reported no error.
func (s *scheduler) requestDone(rest []planned, why error) {
	s.requests--
	for _, p := range rest {
		r := skipped(&p.Action, s.b.stopReason(why))
		if why == nil && s.b.job.ctx.Err() == nil {
			r.Status = ipc.StatusFailed
			r.Reason = ipc.Reason{Code: ipc.ReasonError, Text: "compilation did not say what became of it"}
		}
		s.done(p.at, r)
	}
	if why != nil && s.failure == nil {
		s.failure = why
	}
}

// tellClean tells of the units that were found in place since the last time.
func (s *scheduler) tellClean() {
	if len(s.clean) == 0 {
		return
	}
	s.b.emitCached(len(s.clean), firstSources(s.clean))
	s.clean = nil
}

// announce says what there is to do, as far as it is known now.
func (s *scheduler) announce() {
	b := s.b
	var units []string
	var all, left []planned
	for _, i := range b.scope.actions {
		a := s.action(i)
		if !s.states[i].needed {
			continue
		}
		p := planned{RunAction: ipc.RunAction{Action: *a}, at: i}
		all = append(all, p)
		if !s.states[i].done {
			left = append(left, p)
		}
		if a.Kind == ipc.ActionCompile {
			units = append(units, a.ID)
		}
	}
	s.schedule.order(all)
	s.schedule.order(left)
	b.expected = s.expectedBefore + s.schedule.expected(all, b.slots())
	b.correction = b.s.history.correction(len(units))
	b.emit(ipc.BuildPlanned{
		Units: len(b.scope.units), Targets: s.targetsNeeded(), Dirty: len(units),
		Expected: s.schedule.expected(left, b.slots()) * b.correction, Nodes: units,
	})
}

func (s *scheduler) countNeeded() (n int) {
	for _, i := range s.b.scope.actions {
		if s.states[i].needed && s.action(i).Kind == ipc.ActionCompile {
			n++
		}
	}
	return n
}

// targetsNeeded counts the targets that may have to be linked.
func (s *scheduler) targetsNeeded() (n int) {
	touched := map[int]bool{}
	for _, i := range s.b.scope.actions {
		needed := s.states[i].needed
		for _, e := range s.g.needs[i] {
			needed = needed || touched[e.to] && !e.orderOnly
		}
		if needed {
			touched[i] = true
		}
		if needed && s.action(i).Links() {
			n++
		}
	}
	return n
}

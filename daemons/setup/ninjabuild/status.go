package ninjabuild

import (
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

// verbosity is how much is printed.
type verbosity int

const (
	normal   verbosity = iota
	quiet              // --quiet: output of commands only
	complete           // -v: whole commands, a line for each
)

// status tells how far a build is.
type status struct {
	printer   *printer
	verbosity verbosity
	format    *format
	explain   *explainer
	previous  func(*ninja.Edge) (time.Duration, bool) // how long an edge ran in an earlier build

	started, finished, total, running int
	now                               time.Duration // since the start of the build
	spent                             time.Duration // by all commands together
	forecast                          forecast
	rate                              rate
	done                              float64 // of the expected time, 0 if it cannot be told
}

// added notes an edge that has to run, removed one that has not after all.
func (s *status) added(e *ninja.Edge) {
	s.total++
	s.forecast.add(s.previous(e))
}

func (s *status) removed(e *ninja.Edge) {
	s.total--
	s.forecast.drop(s.previous(e))
}

// planned begins the counts of a build.
func (s *status) planned() { s.started, s.finished, s.running = 0, 0, 0 }

// start notes that an edge starts.
func (s *status) start(e *ninja.Edge, now time.Duration) {
	s.started++
	s.running++
	s.now = now
	if e.UsesConsole() || s.printer.smart {
		s.print(e)
	}
	if e.UsesConsole() {
		s.printer.lock(true)
	}
}

// finish notes that an edge has ended, and prints what it said.
func (s *status) finish(e *ninja.Edge, start, end time.Duration, r Result) {
	s.now = end
	s.finished++
	s.spent += end - start
	s.forecast.finish(s.previous(e))
	if e.UsesConsole() {
		s.printer.lock(false)
	} else {
		s.print(e)
	}
	s.running--
	if r.Code != 0 {
		s.failed(e, r.Code)
	}
	if len(r.Output) == 0 {
		return
	}
	output := string(r.Output)
	if !s.printer.color && strings.Contains(output, "\x1b") {
		output = stripEscapes(output)
	}
	s.printer.onNewLine(output)
}

func (s *status) failed(e *ninja.Edge, code int) {
	text := fmt.Sprintf("FAILED: [code=%d] ", code)
	if s.printer.color {
		text = "\x1b[31m" + text + "\x1b[0m"
	}
	for _, o := range e.Outputs {
		text += o.Path + " "
	}
	s.printer.onNewLine(text + "\n")
	s.printer.onNewLine(e.Command() + "\n")
}

// end ends the status line.
func (s *status) end() {
	s.printer.lock(false)
	s.printer.onNewLine("")
}

// print writes the status line.
func (s *status) print(e *ninja.Edge) {
	s.explain.edge(e)
	if s.verbosity == quiet {
		return
	}
	s.predict()
	text := e.Binding("description")
	if text == "" || s.verbosity == complete {
		text = e.Command()
	}
	s.printer.status(s.format.status(s, text))
}

// forecast sums up what is known of the times of edges from earlier builds.
type forecast struct {
	known, knownLeft, unknownLeft int
	total, left                   time.Duration
}

func (f *forecast) add(d time.Duration, known bool) {
	if !known {
		f.unknownLeft++
		return
	}
	f.known++
	f.knownLeft++
	f.total += d
	f.left += d
}

func (f *forecast) drop(d time.Duration, known bool) {
	f.finish(d, known)
	if known {
		f.known--
		f.total -= d
	}
}

func (f *forecast) finish(d time.Duration, known bool) {
	if !known {
		f.unknownLeft--
		return
	}
	f.knownLeft--
	f.left -= d
}

// When earlier times are compared with those of this build.
const (
	settleTime  = 15 * time.Second
	settleShare = 0.05
	maxMismatch = 10
)

// predict estimates what part of the work is done, by time. Edges that never ran count as
// the average of the others.
func (s *status) predict() {
	f := &s.forecast
	s.done = 0
	usable := f.knownLeft > 0 && f.left > 0
	if usable && s.finished > 0 && s.now >= settleTime && float64(s.finished) >= settleShare*float64(s.total) {
		// A build from the cache says nothing about the time of a build without it.
		before, here := float64(f.total)/float64(f.known), float64(s.spent)/float64(s.finished)
		usable = max(before, here) < maxMismatch*min(before, here)
	}
	known, unknown, sum := s.finished, s.total-s.finished, s.spent
	if usable {
		known, unknown, sum = known+f.knownLeft, f.unknownLeft, sum+f.left
	}
	if known == 0 {
		return
	}
	all := float64(sum) + float64(sum)/float64(known)*float64(unknown)
	if all > 0 {
		s.done = float64(s.spent) / all
	}
}

// remaining is the estimated time until the end.
func (s *status) remaining() (time.Duration, bool) {
	if s.done == 0 {
		return 0, false
	}
	return time.Duration(float64(s.now)/s.done) - s.now, true
}

// rate measures how many edges end in a second, over the last few.
type rate struct {
	limit  int // how many
	times  []time.Duration
	last   int
	cached float64
}

func (r *rate) update(finished int, now time.Duration) {
	if finished == r.last {
		return
	}
	r.last = finished
	if len(r.times) == r.limit {
		r.times = r.times[1:]
	}
	r.times = append(r.times, now)
	if first := r.times[0]; now > first {
		r.cached = float64(len(r.times)) / (now - first).Seconds()
	}
}

package oracle

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// makeStep changes something, builds and compares. It returns what is wrong.
func (w *world) makeStep() []string {
	if w.step == 0 {
		w.daemon = w.chance(50)
		return w.buildAndJudge()
	}
	if w.failing && w.good != nil && w.chance(60) {
		w.note("back to the state that was built last")
		w.restore(w.good)
		return w.buildAndJudge()
	}
	if turns := w.turns(); len(turns) > 0 && w.chance(w.share()) {
		return w.takeTurn(turns)
	}
	for range 1 + w.between(3)*w.between(2) {
		w.change()
	}
	switch n := w.between(100); {
	case n < 48:
		return w.buildAndJudge()
	case n < 62:
		return w.editByHand()
	case n < 67:
		w.spoil()
		return w.buildAndJudge()
	case n < 79:
		return w.editWhileBuilding()
	case n < 85:
		return w.killADaemon()
	case n < 90:
		return w.killWhileBuilding()
	case n < 92:
		return w.stopADaemon()
	case n < 96:
		w.emptyCache()
		// What the set has begun by itself may have been stored before the cache was emptied.
		return w.finish(w.build(nil), !w.auto)
	case n < 98:
		w.note("stop the set")
		w.stopSet()
		return w.buildAndJudge()
	}
	w.note("use the set: %v", !w.daemon)
	w.daemon = !w.daemon
	return w.buildAndJudge()
}

// buildAndJudge builds with nothing in the way.
func (w *world) buildAndJudge() []string {
	return w.finish(w.build(nil), true)
}

func (w *world) finish(b *built, quiet bool) []string {
	quiet = quiet && !w.doubtful && len(w.mappings) == 0 // what is made of a file that is mapped is not kept
	wrong := append(w.judge(b, quiet), w.victimLives()...)
	wrong = append(wrong, w.othersUntouched()...)
	if len(wrong) == 0 && b.err == nil && b.result.Success {
		w.good = w.snapshot()
	}
	return wrong
}

// moment is something that happens once in a build: when a random compiler starts,
// or after a random time, and at its end at the latest.
type moment struct {
	do      func()
	once    sync.Once
	waitFor int // the compiler that has to start first; 3 = wait for the time
	after   time.Duration
	starts  int
}

func (w *world) moment(do func()) *moment {
	return &moment{do: do, waitFor: w.between(4), after: time.Duration(w.between(60)) * time.Millisecond}
}

// arm begins; what it returns ends.
func (m *moment) arm() (end func()) {
	if m == nil {
		return func() {}
	}
	timer := time.NewTimer(m.after)
	if m.waitFor < 3 {
		timer.Stop()
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-timer.C:
			m.once.Do(m.do)
		case <-done:
		}
	}()
	return func() {
		close(done)
		m.once.Do(m.do)
	}
}

// start is told of each compiler that starts, one after the other.
func (m *moment) start() {
	if m == nil || m.waitFor == 3 {
		return
	}
	if m.starts++; m.starts == m.waitFor+1 {
		m.once.Do(m.do)
	}
}

// editWhileBuilding changes files while compilers run. What that build makes is
// anybody's guess, but the next one must be right, with nothing changed since.
func (w *world) editWhileBuilding() []string {
	w.note("edit while building:")
	w.editSource()
	w.editHeader()
	w.build(w.moment(func() {
		for range 1 + w.between(2) {
			if w.chance(70) {
				w.editHeader()
			} else {
				w.change()
			}
		}
	}))
	w.note("build again")
	return w.buildAndJudge()
}

// running are the daemons that have a process.
func (w *world) running() []ipc.DaemonStatus {
	var out []ipc.DaemonStatus
	if !w.daemon {
		return nil
	}
	for _, d := range w.project().Status(context.Background()).Daemons {
		if d.PID > 0 && d.State == ipc.StateRunning {
			out = append(out, d)
		}
	}
	return out
}

func (w *world) signal(d ipc.DaemonStatus, s syscall.Signal) {
	w.killed = true
	_ = syscall.Kill(d.PID, s)
}

func (w *world) killADaemon() []string {
	if set := w.running(); len(set) > 0 {
		d := pick(w, set)
		w.note("kill -9 %s", d.Name)
		w.signal(d, syscall.SIGKILL)
	}
	return w.buildAndJudge()
}

// killWhileBuilding must not disturb the build.
func (w *world) killWhileBuilding() []string {
	set := w.running()
	if len(set) == 0 {
		return w.buildAndJudge()
	}
	d := pick(w, set)
	w.note("kill -9 %s while building", d.Name)
	w.editSource()
	w.editHeader()
	return w.finish(w.build(w.moment(func() { w.signal(d, syscall.SIGKILL) })), false)
}

// stopADaemon makes a daemon hang for one build.
func (w *world) stopADaemon() []string {
	set := w.running()
	if len(set) == 0 {
		return w.buildAndJudge()
	}
	d := pick(w, set)
	w.note("SIGSTOP %s", d.Name)
	w.signal(d, syscall.SIGSTOP)
	wrong := w.finish(w.build(nil), false)
	w.note("SIGCONT %s", d.Name)
	w.signal(d, syscall.SIGCONT)
	if len(wrong) > 0 {
		return wrong
	}
	if w.chance(50) {
		w.change()
	}
	return w.finish(w.build(nil), false)
}

func (w *world) emptyCache() {
	w.known.forget()
	if w.chance(50) {
		w.note("rm -rf the cache")
		w.removeCache()
		return
	}
	w.note("cache clear")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := w.project().ClearCache(ctx)
	w.must(err)
}

// removeCache removes the cache while the daemons may write into it.
func (w *world) removeCache() { w.removeTree(w.project().Paths().CacheBase()) }

// removeTree is `rm -rf`, again and again while others write into the folder.
func (w *world) removeTree(dir string) {
	for range 100 {
		if os.RemoveAll(dir) == nil {
			return
		}
	}
	w.must(os.RemoveAll(dir))
}

func (w *world) stopSet() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := w.project().Stop(ctx)
	w.must(err)
}

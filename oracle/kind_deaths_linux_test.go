package oracle

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/RepliBuild/replibuild/ipc"
)

// deathKind kills daemons in mid-compile, also where the compiler's own children go
// on, and takes away what daemons keep.
func deathKind() kind {
	return kind{name: "deaths", prepare: func(w *world) {
		w.makeGate()
		if w.chance(50) {
			w.settings.fixed = append(w.settings.fixed, "-pipe")
		}
	}, turns: []turn{
		{4, "killed", (*world).killAtTheGate},
		{2, "home", func(w *world) []string { w.forgetAll(); return w.twice() }},
		{1, "state", func(w *world) []string { return w.withoutState() }},
		{1, "tracer", (*world).withoutTracer},
		{1, "process", func(w *world) []string { w.note("use the set: %v", !w.daemon); w.daemon = !w.daemon; return w.twice() }},
	}}
}

// killAtTheGate kills the compilation daemon while a compile waits for its assembler.
// Nobody may wait for that one afterwards, and it may not write over what was made
// since.
func (w *world) killAtTheGate() []string {
	w.useSet()
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	var daemon *ipc.DaemonStatus
	for _, d := range w.running() {
		if d.Name == ipc.NameCompilation {
			daemon = &d
		}
	}
	if daemon == nil {
		return w.buildAndJudge()
	}
	w.editSources()
	w.note("kill -9 compilation while a compile waits for its assembler, and edit")
	end := w.openGate(true, func() {
		w.signal(*daemon, syscall.SIGKILL)
		w.editSources()
	})
	b := w.build(nil)
	came := end()
	_ = b
	wrong := w.finish(w.build(nil), false)
	if !came || len(wrong) > 0 {
		return wrong
	}
	held := w.gate.held[0]
	if held.lives() {
		w.note("  process %d outlived the daemon that started it", held.pid)
		wrong = append(wrong, "a process of the killed daemon goes on after the next build")
	}
	w.awaitEnd(held)
	return append(wrong, w.finish(w.build(nil), false)...)
}

func itoa(n int) string { return strconv.Itoa(n) }

// forgetAll takes away all that is known: what follows is a first build on an empty
// home.
func (w *world) forgetAll() {
	w.note("stop the set, and delete the home, the state and the build folder")
	w.stopSet()
	w.known.forget()
	w.must(os.RemoveAll(w.abs("home")))
	w.must(os.RemoveAll(w.abs("p/.replibuild/state")))
	w.removeTree(w.abs("p/build"))
}

func (w *world) withoutState() []string {
	w.note("stop the set and delete its state")
	w.stopSet()
	w.must(os.RemoveAll(w.abs("p/.replibuild/state")))
	if w.chance(50) {
		w.change()
	}
	return w.twice()
}

// withoutTracer takes away what is loaded into compilers, while the set runs or not.
func (w *world) withoutTracer() []string {
	if w.chance(50) {
		w.note("stop the set")
		w.stopSet()
	}
	w.note("delete the tracer")
	found, _ := filepath.Glob(w.abs("home/tracer*"))
	for _, dir := range found {
		w.must(os.RemoveAll(dir))
	}
	w.editSources()
	if w.chance(50) {
		w.change()
	}
	return w.twice()
}

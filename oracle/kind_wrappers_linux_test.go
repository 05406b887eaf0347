package oracle

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/compilation"
	"github.com/RepliBuild/replibuild/ipc"
)

// wrapper is the project's compiler where that is a script or program that calls the
// real one with -DWRAPPED=N, where N is what a helper found out.
type wrapper struct {
	name   string // of its helper, "" = the compiler is called directly
	driver string // the real compiler
}

const wrapperFile = "p/tools/c++"

func wrapperKind() kind {
	k := kind{name: "wrappers", prepare: func(w *world) {
		w.wrapper.driver = w.settings.compiler
		w.settings.compiler = "tools/c++"
		w.useHelper(&helpers[0])
	}, source: func(_ *world, function, _ string) string {
		return fmt.Sprintf("#ifdef WRAPPED\nint %s_wrapped = WRAPPED;\n#endif\n", function)
	}}
	for i := range helpers {
		h := &helpers[i]
		k.turns = append(k.turns, turn{max(h.weight, 1), h.name, func(w *world) []string { return w.helperTurn(h) }})
	}
	return k
}

// useHelper makes the wrapper with a helper, and what that looks at.
func (w *world) useHelper(h *helper) {
	w.note("a wrapper with the helper %s", h.name)
	w.wrapper.name, w.doubtful = h.name, h.unseen || w.settings.stamp != ""
	w.must(os.RemoveAll(w.abs("p/tools")))
	w.must(os.RemoveAll(w.abs("bin")))
	w.must(os.MkdirAll(w.abs("p/tools/d"), 0o755))
	w.must(os.MkdirAll(w.abs("bin"), 0o755))
	w.save("p/tools/f", "1", true)
	w.save("p/tools/g", "1", true)
	w.save("p/tools/d/first", "", true)
	w.must(os.Symlink("1", w.abs("p/tools/link")))
	w.extra = nil
	if h.prepare != nil {
		h.prepare(w)
	}
	if h.program != "" {
		w.compileHelper(h.program, w.abs("bin/helper"), h.flags...)
	}
	script := h.script
	if script == "" {
		script = "#!/bin/sh\nexec DRIVER -DWRAPPED=$(" + h.command + ") \"$@\"\n"
	}
	if script != noScript {
		script = strings.NewReplacer("DRIVER", w.wrapper.driver, "BASE", w.base).Replace(script)
		w.save(wrapperFile, script, true)
		w.must(os.Chmod(w.abs(wrapperFile), 0o755))
	}
}

// compileHelper makes a program of the C text, in which DRIVER is the real compiler.
func (w *world) compileHelper(text, to string, flags ...string) {
	text = strings.NewReplacer("DRIVER", w.wrapper.driver, "BASE", w.base).Replace(text)
	source := w.abs("helper.c")
	w.must(os.WriteFile(source, []byte("#define _GNU_SOURCE\n"+text), 0o644))
	line := append([]string{"-w", source, "-o", to}, flags...)
	cmd := exec.Command("gcc", line...)
	cmd.Dir = w.base
	if said, err := cmd.CombinedOutput(); err != nil {
		w.must(fmt.Errorf("gcc %q: %w: %s", line, err, said))
	}
}

// helperTurn changes what a helper looks at and nothing else.
func (w *world) helperTurn(h *helper) []string {
	if h.cannot != nil && h.cannot() {
		return w.buildAndJudge()
	}
	if w.chance(70) {
		w.useSet()
	}
	if w.wrapper.name != h.name {
		w.useHelper(h)
		if wrong := w.settleHelper(); len(wrong) > 0 {
			return wrong
		}
	}
	for range 1 + w.between(2) {
		w.note("change what the helper %s looks at", h.name)
		h.change(w)
		if wrong := w.buildAndJudge(); len(wrong) > 0 {
			return wrong
		}
	}
	w.fromNothing()
	wrong := w.buildAndJudge()
	if h.stale && len(wrong) == 0 { // before headers come
		w.useHelper(&helpers[0])
	}
	return wrong
}

// settleHelper builds with a new helper. Where the set builds, the tracer is awaited
// and all is compiled once more, so that it is not the tracer's absence that is tried.
func (w *world) settleHelper() []string {
	if wrong := w.buildAndJudge(); len(wrong) > 0 {
		return wrong
	}
	w.awaitTracers()
	w.editSources()
	return w.buildAndJudge()
}

// awaitTracers waits until no tracer is being built.
func (w *world) awaitTracers() {
	if !w.daemon {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := ipc.NewCompilationClient(daemons.Dialer(w.project().Paths(), ipc.NameCompilation))
	defer c.Close()
	for {
		var now compilation.Stats
		if err := c.Stats(ctx, &now); ctx.Err() != nil {
			w.must(fmt.Errorf("tracers are not built: %w", ctx.Err()))
		} else if err != nil || !beingBuilt(now.Untraced) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func beingBuilt(untraced map[string]string) bool {
	for _, why := range untraced {
		if strings.Contains(why, "is being built") {
			return true
		}
	}
	return false
}

// nextDigit gives a file of one digit another one.
func (w *world) nextDigit(file string) {
	n := int(w.read(file)[0]-'0')%9 + 1
	w.save(file, fmt.Sprint(n), w.chance(50))
}

func (w *world) editFlagFile() { w.nextDigit("p/tools/f") }

func (w *world) addToFolder() {
	w.fresh++
	w.save(path.Join("p/tools/d", fmt.Sprintf("more%d", w.fresh)), "", true)
}

package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"
)

// swapKind puts other files into place while a compile has read the ones before, in
// ways that leave the times of those files as they were.
func swapKind() kind {
	k := kind{name: "swaps", prepare: func(w *world) {
		w.makeGate()
		w.must(os.MkdirAll(w.abs("p/swap"), 0o755))
		w.settings.fixed = append(w.settings.fixed, "-Iswap") // holds nothing else
	}}
	for _, s := range []struct {
		name string
		do   func(w *world, header string) (ready func())
	}{
		{"folder", (*world).swapFolder},
		{"header", (*world).swapHeader},
		{"link", (*world).swapLink},
		{"edit", (*world).swapByEdit},
	} {
		k.turns = append(k.turns,
			turn{3, s.name, func(w *world) []string { return w.swapWhileCompiling(s.do) }},
			turn{1, s.name + "-first", func(w *world) []string { w.forgetAll(); return w.swapWhileCompiling(s.do) }})
	}
	return k
}

// swapWhileCompiling prepares a swap, has a compile held that reads the header, and
// swaps. The builds after it must have what is there now. Mostly that compile is the
// first that reads the header, so that nothing is known of it before.
func (w *world) swapWhileCompiling(swap func(w *world, header string) func()) []string {
	source, header := pick(w, w.sources()), pick(w, []string{"p/include", "p/inc1", "p/swap", "p/swap", "p/swap", "p/swap"})+"/swap.h"
	for _, dir := range []string{"p/include", "p/inc1", "p/swap"} {
		w.must(os.RemoveAll(w.abs(dir + "/swap.h")))
	}
	w.save(header, fmt.Sprintf("#define SWAP %d\n", w.number()), true)
	text := w.read(source)
	known := strings.Contains(text, includeSwap)
	switch {
	case known && w.chance(70):
		text, _, _ = strings.Cut(text, includeSwap)
		known = false
	case !known && w.chance(30):
		known = true
	}
	including := text
	if !strings.Contains(text, includeSwap) {
		including += includeSwap + "int " + nameOf(source) + "_swap = SWAP;\n"
	}
	if known {
		text = including
	}
	w.save(source, text, true)
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	if !w.isFile(header) { // the state that was built last does not have it
		w.save(header, fmt.Sprintf("#define SWAP %d\n", w.number()), true)
	}
	ready := swap(w, header)
	w.olderThanATick()
	w.note("edit %s, and while it is compiled:", source)
	w.save(source, w.otherNumber(including)+fmt.Sprintf("int %s_more%d;\n", nameOf(source), w.more()), true)
	end := w.openGate(false, ready)
	w.build(nil)
	if !end() {
		w.note("  no compile came to the gate")
	}
	return w.twice()
}

const includeSwap = "#include <swap.h>\n"

// needsGood builds, for what follows needs a project that compiles; it returns what is
// wrong, or an empty list if the project does not compile.
func (w *world) needsGood() []string {
	wrong := w.buildAndJudge()
	if len(wrong) == 0 && w.failing && w.good != nil {
		w.note("back to the state that was built last")
		w.restore(w.good)
		wrong = w.buildAndJudge()
	}
	return wrong
}

func (w *world) more() int { w.fresh++; return w.fresh }

// nameOf is a name for C made of a source's.
func nameOf(source string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, path.Base(source))
}

// olderThanATick waits until what was just written counts as old: a compile that
// starts now has times that are later.
func (w *world) olderThanATick() {
	probe := w.abs("probe")
	w.must(os.WriteFile(probe, nil, 0o644))
	first, err := os.Stat(probe)
	w.must(err)
	for {
		w.must(os.WriteFile(probe, nil, 0o644))
		now, err := os.Stat(probe)
		w.must(err)
		if now.ModTime().Sub(first.ModTime()) > 50*time.Millisecond {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// swapFolder exchanges the header's folder for a copy with other numbers.
func (w *world) swapFolder(header string) func() {
	dir := path.Dir(header)
	fresh, was := w.abs(dir+".new"), w.abs(dir+".was")
	w.must(os.RemoveAll(was))
	w.must(os.RemoveAll(fresh))
	if text, err := exec.Command("cp", "-a", w.abs(dir), fresh).CombinedOutput(); err != nil {
		w.must(fmt.Errorf("cp: %w: %s", err, text))
	}
	w.must(os.WriteFile(path.Join(fresh, path.Base(header)), []byte(fmt.Sprintf("#define SWAP %d\n", w.number())), 0o644))
	w.note("prepare another %s", dir)
	return func() {
		w.note("  move another %s into place", dir)
		w.must(os.Rename(w.abs(dir), was))
		w.must(os.Rename(fresh, w.abs(dir)))
		w.must(os.RemoveAll(was))
	}
}

// swapHeader renames another file over the header.
func (w *world) swapHeader(header string) func() {
	fresh := w.abs("ext/swap.new")
	w.must(os.WriteFile(fresh, []byte(fmt.Sprintf("#define SWAP %d\n", w.number())), 0o644))
	return func() {
		w.note("  rename another file over %s", header)
		w.must(os.Rename(fresh, w.abs(header)))
	}
}

// swapLink turns a link to the folder in which the header lies.
func (w *world) swapLink(header string) func() {
	w.must(os.Remove(w.abs(header)))
	for _, v := range []string{"1", "2"} {
		dir := w.abs("ext/swap" + v)
		w.must(os.RemoveAll(dir)) // a folder may have taken the header's place
		w.must(os.MkdirAll(dir, 0o755))
		w.must(os.WriteFile(dir+"/swap.h", []byte(fmt.Sprintf("#define SWAP %d\n", w.number())), 0o644))
	}
	lnk := w.abs("ext/swaplink")
	_ = os.Remove(lnk)
	w.must(os.Symlink("swap1", lnk))
	w.must(os.Symlink(lnk+"/swap.h", w.abs(header)))
	return func() {
		w.note("  turn the link on the way to %s", header)
		w.must(os.Symlink("swap2", lnk+".new"))
		w.must(os.Rename(lnk+".new", lnk))
	}
}

// swapByEdit edits the header in place and sets its time back.
func (w *world) swapByEdit(header string) func() {
	info, err := os.Stat(w.abs(header))
	w.must(err)
	text := fmt.Sprintf("#define SWAP %d\n", w.number())
	return func() {
		w.note("  edit %s and set its time back", header)
		w.must(os.WriteFile(w.abs(header), []byte(text), 0o644))
		w.must(os.Chtimes(w.abs(header), info.ModTime(), info.ModTime()))
	}
}

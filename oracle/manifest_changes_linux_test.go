package oracle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mChange is something that a person does between two builds.
type mChange struct {
	weight int
	native bool // only where there are compiles
	do     func(*trees)
}

var mChanges = []mChange{
	{10, false, (*trees).editSource},
	{4, false, (*trees).touchSource},
	{3, false, (*trees).setTime},
	{4, false, (*trees).deleteOutput},
	{3, false, (*trees).touchOutput},
	{2, false, (*trees).writeOutput},
	{2, false, (*trees).deleteSource},
	{4, false, (*trees).otherCommand},
	{3, false, (*trees).otherFlags},
	{3, false, (*trees).addEdge},
	{2, false, (*trees).removeEdge},
	{2, false, (*trees).otherEdge},
	{2, false, (*trees).breakSource},
	{2, false, (*trees).deleteRecords},
	{2, false, (*trees).editHeader},
	{2, false, (*trees).editDyndep},
	{2, false, (*trees).toolClean},
	{1, false, (*trees).touchManifest},
	{6, true, (*trees).editC},
	{2, true, (*trees).workOnC},
	{4, true, (*trees).editHeader},
	{3, true, (*trees).shadowHeader},
	{3, true, (*trees).otherVariable},
	{3, true, (*trees).editUnseen},
	{2, true, (*trees).otherOptions},
	{1, true, (*trees).breakC},
}

func (w *trees) change() {
	mChanges[drawn(w.IntN, len(mChanges), func(i int) int {
		if mChanges[i].native && w.compiler == "" {
			return 0
		}
		return mChanges[i].weight
	})].do(w)
}

// both does something in both trees.
func (w *trees) both(path string, do func(path string)) {
	for _, dir := range []string{"ours", "theirs"} {
		do(w.at(dir, path))
	}
}

func (w *trees) editSource() {
	s := oneOf(w.draws, w.sources)
	w.note("edit %s", s)
	w.save(s, fmt.Sprintf("%s %d\n", oneOf(w.draws, []string{"text", "tex2"}), w.IntN(3)))
}

func (w *trees) breakSource() {
	s := oneOf(w.draws, w.sources)
	w.note("bad %s", s)
	w.save(s, "bad\n")
}

// repair ends what makes builds fail.
func (w *trees) repair() {
	w.note("repair")
	w.ensureManifest()
	for _, s := range slices.Concat(w.sources, w.headers, w.cSources) {
		if text, there := w.text[s]; !there {
			w.save(s, w.old[s])
		} else if text == "bad\n" {
			w.save(s, "good\n")
		} else if strings.Contains(text, "#error") {
			w.save(s, w.cText(s, 2))
		}
	}
	for _, e := range w.edges {
		e.salt = strings.TrimPrefix(e.salt, "; exit 4")
	}
	w.write()
}

func (w *trees) touchSource() {
	s := oneOf(w.draws, append(w.sources[:len(w.sources):len(w.sources)], w.headers...))
	w.note("touch %s", s)
	w.setTimes(s, time.Now())
}

func (w *trees) touchManifest() {
	f := oneOf(w.draws, []string{"build.ninja", "manifest.in", "rules.ninja"})
	w.note("touch %s", f)
	w.setTimes(f, time.Now())
}

// setTimes gives a file a time, where it is there.
func (w *trees) setTimes(path string, at time.Time) {
	w.both(path, func(p string) { _ = os.Chtimes(p, at, at) })
}

// setTime sets a source's time back or forth, with other content or not. What compiles read is
// left alone: ninja does not see such a change, but we do; see editUnseen.
func (w *trees) setTime() {
	s := oneOf(w.draws, w.sources)
	offsets := []time.Duration{-time.Hour, -30 * time.Hour}
	if w.real.recent { // an older one writes a time of the future into its log after a restat
		offsets = append(offsets, time.Hour)
	}
	at := time.Now().Add(oneOf(w.draws, offsets))
	if w.chance(50) && !w.feeds(s) {
		w.save(s, fmt.Sprintf("back %d\n", w.IntN(3)))
	}
	w.note("time of %s: %s", s, at)
	w.setTimes(s, at)
}

// feeds reports whether a native edge depends on what a source is.
func (w *trees) feeds(string) bool { return w.compiler != "" }

func (w *trees) deleteOutput() {
	if outs := w.outputs(false); len(outs) > 0 {
		o := oneOf(w.draws, outs)
		w.note("delete %s", o)
		w.both(o, func(p string) { _ = os.Remove(p) })
	}
}

func (w *trees) touchOutput() {
	if outs := w.outputs(false); len(outs) > 0 {
		o, at := oneOf(w.draws, outs), time.Now()
		if w.chance(30) {
			at = at.Add(-time.Hour)
		}
		w.note("touch output %s: %s", o, at)
		w.setTimes(o, at)
	}
}

// writeOutput has somebody else write an output.
func (w *trees) writeOutput() {
	outs := w.outputs(false)
	if len(outs) == 0 {
		return
	}
	o := oneOf(w.draws, outs)
	if _, err := os.Stat(w.at("ours", o)); err != nil {
		return
	}
	if w.compiler != "" {
		w.blind = true // compiles and links have their outputs put right
	}
	w.note("write output %s", o)
	w.both(o, func(p string) { w.must(os.WriteFile(p, []byte("written by hand\n"), 0o755)) })
}

// deleteSource deletes a source, or brings one back.
func (w *trees) deleteSource() {
	all := append(w.sources[:len(w.sources):len(w.sources)], w.headers...)
	if w.compiler != "" {
		all = append(all, w.cSources...)
	}
	s := oneOf(w.draws, all)
	if _, there := w.text[s]; !there {
		w.note("bring back %s", s)
		w.save(s, w.old[s])
		return
	}
	if !w.recent {
		return // whether what is missing is a mistake depends on who named it first
	}
	w.note("delete %s", s)
	w.old[s] = w.text[s]
	delete(w.text, s)
	w.both(s, func(p string) { w.must(os.Remove(p)) })
}

// otherCommand gives an edge another command, or one that it had.
func (w *trees) otherCommand() {
	e := oneOf(w.draws, w.live())
	switch {
	case e.kind == "cc":
		e.salt = oneOf(w.draws, []string{"", "-DX=1", "-DX=2", "-DH0=7 -Wno-all"})
	case e.kind == "link":
		e.salt = oneOf(w.draws, []string{"", "-s", "-Wl,--no-relax"})
	case e.kind != "ar":
		e.salt = oneOf(w.draws, []string{"", "a", "b", "", "a", "; exit 4"})
	}
	w.note("command of %s: %q", e.id, e.salt)
	w.write()
}

func (w *trees) otherFlags() {
	if w.chance(50) {
		w.flags = oneOf(w.draws, []string{"A", "B"})
	} else {
		w.subFlags = oneOf(w.draws, []string{"S", "T"})
	}
	w.note("flags %s, %s", w.flags, w.subFlags)
	w.write()
}

func (w *trees) otherOptions() {
	w.options = oneOf(w.draws, []string{"", "-O1", "-DY"})
	w.note("options %s", w.options)
	w.write()
}

func (w *trees) addEdge() {
	w.addPlain()
	w.note("add %s", w.edges[len(w.edges)-1].id)
	w.write()
}

// removeEdge takes an edge out of the manifest that nothing else needs, or brings one back.
func (w *trees) removeEdge() {
	e := oneOf(w.draws, w.edges)
	if e.gone {
		w.note("bring back %s", e.id)
		e.gone = false
		w.write()
		return
	}
	text := ""
	for _, other := range w.live() {
		if other != e {
			text += fmt.Sprintf("%q %q %q %q %q %q %q\n", other.ins, other.implicit, other.order, other.valid, other.dyndep, other.hidden, other.dynIns)
		}
	}
	for _, o := range append(e.allOuts(), w.defaults...) {
		if strings.Contains(text, strings.Trim(fmt.Sprintf("%q", o), `"`)) || len(w.defaults) > 0 {
			return
		}
	}
	if len(w.live()) > 2 && !e.native() {
		w.note("remove %s", e.id)
		e.gone = true
		w.write()
	}
}

// otherEdge changes what an edge depends on.
func (w *trees) otherEdge() {
	e := oneOf(w.draws, w.live())
	if e.native() || e.kind == "dd" || e.kind == "phony" || e.kind == "run" {
		return
	}
	switch w.IntN(4) {
	case 0:
		e.ins = someOf(w.draws, 1+w.IntN(2), w.sources)
	case 1:
		e.implicit = someOf(w.draws, 1, w.sources)
	case 2:
		w.drawDefaults()
	case 3:
		e.hidden = someOf(w.draws, 2, w.headers)
	}
	w.note("other inputs of %s", e.id)
	w.write()
}

// deleteRecords loses a depfile or one of ninja's logs.
func (w *trees) deleteRecords() {
	path := oneOf(w.draws, w.edges).id + ".d"
	switch w.IntN(4) {
	case 0:
		path = w.records(".ninja_log")
		if w.compiler != "" || w.real.recent {
			return // an older log is started then, which a recent ninja cannot read
		}
	case 1:
		path = w.records(".ninja_deps")
	}
	w.note("delete %s", path)
	w.both(path, func(p string) { _ = os.Remove(p) })
}

func (w *trees) records(name string) string {
	if w.buildDir == "" {
		return name
	}
	return w.buildDir + "/" + name
}

func (w *trees) editDyndep() {
	for _, e := range w.live() {
		if e.dyndep != "" && w.chance(60) {
			w.note("dyndep of %s", e.id)
			e.dynIns, e.dynRestat = someOf(w.draws, 1, w.sources), e.kind == "restat" && w.chance(50)
			w.write()
		}
	}
}

func (w *trees) editHeader() {
	h := oneOf(w.draws, w.headers)
	w.note("edit %s", h)
	w.save(h, fmt.Sprintf("#define H%c %d\n", h[6], w.IntN(4)))
}

func (w *trees) editC() {
	c := oneOf(w.draws, w.cSources)
	w.note("edit %s", c)
	w.save(c, w.cText(c, w.IntN(4)))
}

// workOnC edits one source again and again, with a pause after each build, in which its includes may be
// precompiled.
func (w *trees) workOnC() {
	c := oneOf(w.draws, w.cSources)
	for range 2 {
		w.note("work on %s", c)
		w.save(c, w.cText(c, w.IntN(1000)))
		w.tick()
		before := w.preambles()
		if w.wrong = w.build(mBuild{args: []string{"-j1"}, alone: true, all: len(w.defaults) == 0}); w.wrong != "" {
			return
		}
		for range 50 {
			if made := w.preambles() - before; made > 0 {
				w.counts.Preambles += made
				break
			}
			time.Sleep(20 * time.Millisecond) // where there is none, nothing tells
		}
	}
	w.save(c, w.cText(c, w.IntN(1000)))
}

// preambles is how many there are.
func (w *trees) preambles() int {
	found, err := filepath.Glob(w.at("home", "cache/*/preambles/*/facts"))
	w.must(err)
	return len(found)
}

func (w *trees) breakC() {
	c := oneOf(w.draws, w.cSources)
	w.note("break %s", c)
	w.save(c, w.cText(c, 1)+"#error broken\n")
}

// shadowHeader makes a header appear where the compiler looks first, or go again.
func (w *trees) shadowHeader() {
	w.blind = true
	path := oneOf(w.draws, []string{"inc0/h0.h", "env.h"})
	if w.text[path] != "" {
		w.note("remove %s", path)
		delete(w.text, path)
		w.both(path, func(p string) { w.must(os.Remove(p)) })
		return
	}
	w.note("new %s", path)
	w.save(path, map[string]string{"inc0/h0.h": "#define H0 9\n", "env.h": "#define ENV 8\n"}[path])
}

func (w *trees) otherVariable() {
	w.blind = true
	if w.text["env/env.h"] == "" {
		w.save("env/env.h", "#define ENV 6\n")
	}
	w.env = oneOf(w.draws, [][]string{nil, {"CPATH=env"}, {"CPLUS_INCLUDE_PATH=env"}, {"C_INCLUDE_PATH=env"}})
	w.note("environment %q", w.env)
}

// editUnseen edits what a compile reads, and sets its time back to what it was.
func (w *trees) editUnseen() {
	path := oneOf(w.draws, []string{"inc1/h0.h", "c0.c"})
	if w.text[path] == "" {
		return
	}
	w.blind = true
	var times []time.Time
	w.both(path, func(p string) {
		info, err := os.Stat(p)
		w.must(err)
		times = append(times, info.ModTime())
	})
	w.note("edit %s without a new time", path)
	if path == "c0.c" {
		w.save(path, w.cText(path, w.IntN(4)))
	} else {
		w.save(path, fmt.Sprintf("#define H0 %d\n", w.IntN(4)))
	}
	w.both(path, func(p string) {
		w.must(os.Chtimes(p, times[0], times[0]))
		times = times[1:]
	})
}

// toolClean runs a tool that changes the folder.
func (w *trees) toolClean() {
	args := oneOf(w.draws, [][]string{{"clean"}, {"clean", "-g"}, {"cleandead"}, {"restat"}, {"clean", "-r", "cat"}, {"recompact"}})
	if args[0] == "cleandead" && !w.real.recent {
		args = []string{"clean"} // an older ninja removes other files
	}
	if outs := w.outputs(false); len(outs) > 0 && w.chance(30) {
		args = append([]string{oneOf(w.draws, []string{"clean", "restat"})}, oneOf(w.draws, outs))
	}
	if w.compiler != "" && args[0] == "restat" {
		w.blind = true
	}
	w.wrong = w.compareTool(args, true)
}

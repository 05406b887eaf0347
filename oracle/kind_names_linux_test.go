package oracle

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// nameKind has sources and folders with names that a shell, a list or a text must
// take care with.
func nameKind() kind {
	k := kind{name: "names"}
	for _, n := range oddNames {
		k.turns = append(k.turns, turn{1, n.kind, func(w *world) []string { return w.oddNameTurn(n.name) }})
	}
	k.turns = append(k.turns, turn{3, "include-dir", (*world).oddFolderTurn})
	return k
}

var oddNames = []struct{ kind, name string }{
	{"space", "with a space"}, {"comma", "one,two"}, {"quote", "it's"}, {"double-quote", `say "x"`}, {"hash", "nr#1"},
	{"dollar", "cost$HOME"}, {"percent", "100%d"}, {"newline", "two\nlines"}, {"tab", "a\ttab"}, {"backslash", `back\slash`},
	{"utf8", "größe-漢字"}, {"bytes", "bytes\xff\xfe"}, {"long", strings.Repeat("long", 62)}, {"dash", "-o"}, {"at", "@file"},
	{"colon", "a:b;c"}, {"star", "st*r"}, {"brackets", "[x]{y}"}, {"equals", "a=b"}, {"ampersand", "a&b|c"},
}

// oddNameTurn adds a source with such a name, or one in a folder with such a name. It
// must be compiled, or be refused by its name.
func (w *world) oddNameTurn(name string) []string {
	t := pick(w, w.settings.targets)
	dir := "p/src/" + t.name
	file := path.Join(dir, name+".cpp")
	if w.chance(30) {
		file = path.Join(dir, name, "inside.cpp")
	}
	if !w.isFile(file) {
		w.note("add %q", file)
		w.save(file, w.source(t, fmt.Sprintf("odd%d", w.more()), ".cpp"), true)
	} else {
		w.note("edit %q", file)
		w.save(file, w.otherNumber(w.read(file)), true)
	}
	if b := w.build(nil); !w.refusedName(b, name) {
		if wrong := w.finish(b, true); len(wrong) > 0 {
			return wrong
		}
		w.fromNothing()
		if wrong := w.buildAndJudge(); len(wrong) > 0 || w.chance(50) {
			return wrong
		}
	}
	w.note("delete %q", file)
	w.must(os.Remove(w.abs(file)))
	if path.Dir(file) != dir {
		w.must(os.RemoveAll(w.abs(path.Dir(file))))
	}
	return w.buildAndJudge()
}

// refusedName reports whether a build was refused with words about a name, perhaps
// quoted.
func (w *world) refusedName(b *built, name string) bool {
	quoted := fmt.Sprintf("%q", name)
	if b.refusedFor(name) || b.refusedFor(quoted[1:len(quoted)-1]) {
		w.note("  which is refused by name")
		return true
	}
	return false
}

// oddFolderTurn has headers looked for in a folder with such a name.
func (w *world) oddFolderTurn() []string {
	n := pick(w, oddNames)
	if !strings.Contains("space comma quote hash dollar percent utf8 equals ampersand colon", n.kind) {
		n = oddNames[0]
	}
	w.note("search the folder %q", n.name)
	w.save("p/"+n.name+"/opt.h", w.header(slices.Index(names, "opt.h")), true)
	dirs := w.settings.includeDirs
	if !slices.Contains(dirs, n.name) {
		w.settings.includeDirs = append([]string{n.name}, dirs...)
		w.saveSettings()
	}
	b := w.build(nil)
	if w.refusedName(b, n.name) {
		w.settings.includeDirs = dirs
		w.saveSettings()
		return w.buildAndJudge()
	}
	return w.finish(b, true)
}

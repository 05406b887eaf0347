package oracle

import (
	"os"
	"path"
	"strings"
	"syscall"
)

// editorKind has files come and go that look like sources and are none.
func editorKind() kind {
	k := kind{name: "editors"}
	for _, l := range leftovers {
		k.turns = append(k.turns, turn{1, l.name, func(w *world) []string { return w.leftoverTurn(l) }})
	}
	return k
}

// leftover is something beside a source that must not be taken for one.
type leftover struct {
	name string
	file func(source string) string
	make func(w *world, file string) error
}

var leftovers = []leftover{
	{"emacs-lock", func(s string) string { return ".#" + s }, func(w *world, file string) error { return os.Symlink("someone@example.4711:1700000000", file) }},
	{"apple-double", func(s string) string { return "._" + s }, func(w *world, file string) error {
		return os.WriteFile(file, []byte("\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"), 0o644)
	}},
	{"autosave", func(s string) string { return "#" + s + "#" }, func(w *world, file string) error { return os.WriteFile(file, []byte("int half("), 0o644) }},
	{"backup", func(s string) string { return s + "~" }, func(w *world, file string) error { return os.WriteFile(file, []byte("int half("), 0o644) }},
	{"swap", func(s string) string { return "." + s + ".swp" }, func(w *world, file string) error { return os.WriteFile(file, []byte("b0VIM"), 0o644) }},
	{"folder", func(s string) string { return "folder." + s }, func(w *world, file string) error { return os.Mkdir(file, 0o755) }},
	{"dangling", func(s string) string { return "dangling." + s }, func(w *world, file string) error { return os.Symlink("nowhere", file) }},
	{"fifo", func(s string) string { return "fifo." + s }, func(w *world, file string) error { return syscall.Mkfifo(file, 0o644) }},
}

// leftoverTurn has one appear beside a source, builds, and has it go or stay.
func (w *world) leftoverTurn(l leftover) []string {
	sources := w.sources()
	if len(sources) == 0 {
		return w.buildAndJudge()
	}
	source := pick(w, sources)
	file := w.abs(path.Join(path.Dir(source), l.file(path.Base(source))))
	if _, err := os.Lstat(file); err != nil {
		w.note("make the %s beside %s", l.name, source)
		w.must(l.make(w, file))
	}
	if wrong := w.buildAndJudge(); len(wrong) > 0 || w.chance(30) {
		return wrong
	}
	w.note("remove the %s", l.name)
	w.must(os.Remove(file))
	return w.buildAndJudge()
}

// ofAnEditor says by a name alone that a file is no source.
func ofAnEditor(file string) bool {
	base := path.Base(file)
	return strings.HasPrefix(base, ".#") || strings.HasPrefix(base, "._")
}

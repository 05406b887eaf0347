package oracle

import (
	"fmt"
	"os"
	"strings"
)

// pathKind has headers where observers look away: beneath /dev, by way of /proc, and
// under names like those of our own files.
func pathKind() kind {
	k := kind{name: "paths", prepare: func(w *world) {
		dir, err := os.MkdirTemp("/dev/shm", "oracle")
		w.must(err)
		w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
		w.shm = dir
		w.must(os.Symlink(dir, w.abs("ext/shm")))
		w.must(os.MkdirAll(w.abs("p/inc4"), 0o755))
		w.settings.includeDirs = append(w.settings.includeDirs, dir)
		w.settings.fixed = append(w.settings.fixed, "-I/proc/self/cwd/inc4")
	}, source: func(_ *world, function, _ string) string {
		var b strings.Builder
		for i, h := range oddHeaders {
			fmt.Fprintf(&b, "#if __has_include(<%s>)\n#include <%s>\nint %s_odd%d = ODD%d;\n#endif\n", h.name, h.name, function, i, i)
		}
		return b.String()
	}}
	for i, h := range oddHeaders {
		k.turns = append(k.turns, turn{1, h.kind, func(w *world) []string { return w.oddHeaderTurn(i) }})
	}
	return k
}

var oddHeaders = []struct{ kind, name, dir string }{
	{"shm", "shm.h", "SHM"},
	{"cwd", "cwd.h", "p/inc4"},
	{"rb", ".rb-config.h", "p/include"},
	{"rb-folder", ".rb-dir/v.h", "p/include"},
	{"args", "replibuild-args-x.h", "p/inc1"},
}

// oddHeaderTurn makes, edits or deletes such a header.
func (w *world) oddHeaderTurn(i int) []string {
	h := oddHeaders[i]
	file := h.dir + "/" + h.name
	if h.dir == "SHM" {
		file = "ext/shm/" + h.name
	}
	for range 2 {
		if w.isFile(file) && w.chance(30) {
			w.note("delete %s", file)
			w.must(os.Remove(w.abs(file)))
		} else {
			w.note("write %s", file)
			w.save(file, fmt.Sprintf("#define ODD%d %d\n", i, w.number()), w.chance(50))
		}
		if wrong := w.buildAndJudge(); len(wrong) > 0 {
			return wrong
		}
	}
	return nil
}

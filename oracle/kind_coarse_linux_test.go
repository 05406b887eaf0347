package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// coarseKind has files on a file system that counts whole seconds: all of the world,
// or one include folder.
func coarseKind() kind {
	return kind{name: "coarse", cannot: (*world).mountCoarse,
		prepare: func(w *world) {
			w.save("p/inc1/coarse.h", fmt.Sprintf("#define COARSE %d\n", w.number()), true)
			if w.mountable != "" {
				w.settings.includeDirs = append(w.settings.includeDirs, w.mountable)
				w.must(os.Symlink(w.mountable, w.abs("ext/coarse")))
				w.writeCoarse()
			}
		},
		source: func(_ *world, function, _ string) string {
			return fmt.Sprintf("#if __has_include(<mounted.h>)\n#include <mounted.h>\nint %s_mounted = MOUNTED;\n#endif\n#include <coarse.h>\nint %s_coarse = COARSE;\n", function, function)
		},
		turns: []turn{
			{4, "header", func(w *world) []string { return w.withinASecond(w.editCoarse) }},
			{2, "settings", func(w *world) []string {
				return w.withinASecond(func() {
					w.settings.defines = []string{fmt.Sprintf("FLAG0=%d", w.number())}
					w.save("p/replibuild.toml", w.settings.toml(), true)
				})
			}},
			{2, "appears", func(w *world) []string { return w.withinASecond(w.toggleCoarse) }},
		}}
}

// mountCoarse mounts a file system of ext4 with the small inodes of old ones. It says
// why it cannot.
func (w *world) mountCoarse() string {
	image := w.base + ".img"
	dir := w.base
	if w.chance(50) {
		dir = w.abs("coarse")
		w.must(os.Mkdir(dir, 0o755))
	}
	if os.Getuid() != 0 {
		return "only root can mount"
	}
	w.must(os.WriteFile(image, nil, 0o644))
	w.must(os.Truncate(image, 256<<20))
	for _, line := range [][]string{{"mkfs.ext4", "-q", "-I", "128", "-E", "root_owner=0:0", image}, {"mount", "-o", "loop", image, dir}} {
		if text, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			return fmt.Sprintf("%q: %v: %s", line, err, text)
		}
	}
	w.t.Cleanup(func() {
		w.endAll()
		w.unmount(dir)
		_ = os.Remove(image)
	})
	if dir != w.base {
		w.mountable = dir
		return ""
	}
	for _, name := range []string{"p", "plain"} { // what was made is beneath the mount
		w.must(os.MkdirAll(w.abs(name), 0o755))
	}
	return ""
}

// coarseFiles are the headers that lie on it.
func (w *world) coarseFiles() []string {
	if w.mountable != "" {
		return []string{"coarse/mounted.h"}
	}
	return []string{"p/inc1/coarse.h"}
}

func (w *world) writeCoarse() {
	w.must(os.WriteFile(w.abs("coarse/mounted.h"), []byte(fmt.Sprintf("#define MOUNTED %d\n", w.number())), 0o644))
}

func (w *world) editCoarse() {
	for _, file := range w.coarseFiles() {
		if !w.isFile(file) {
			w.toggleCoarse()
		}
		w.note("edit %s, same size", file)
		w.save(file, w.otherNumber(w.read(file)), true)
	}
}

// toggleCoarse has a header appear or go.
func (w *world) toggleCoarse() {
	file := "p/inc1/opt.h"
	if w.mountable != "" {
		file = "coarse/mounted.h"
	}
	if w.isFile(file) {
		w.note("delete %s", file)
		w.must(os.Remove(w.abs(file)))
		return
	}
	w.note("create %s", file)
	if w.mountable != "" {
		w.writeCoarse()
		return
	}
	w.save(file, w.header(slices.Index(names, "opt.h")), true)
}

// withinASecond changes, builds, changes again and builds, from the beginning of a
// second on, as often as fits well into it.
func (w *world) withinASecond(change func()) []string {
	for range 2 {
		w.nextSecond()
		for range 2 + w.between(2) {
			change()
			if w.chance(60) {
				w.build(nil)
				change()
			}
			if wrong := w.buildAndJudge(); len(wrong) > 0 {
				return wrong
			}
		}
	}
	return nil
}

// unmount waits until the last process that worked in a folder is gone: one that was killed
// is in the way until the kernel has closed its files.
func (w *world) unmount(dir string) {
	var text []byte
	var err error
	for range 300 {
		if text, err = exec.Command("umount", dir).CombinedOutput(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Errorf("umount: %v: %s", err, text)
}

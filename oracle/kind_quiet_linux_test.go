package oracle

import (
	"fmt"
	"os"
	"syscall"
)

// quietKind changes files in ways of which the kernel tells a watcher nothing, and
// builds right after.
func quietKind() kind {
	return kind{name: "quiet", turns: []turn{
		{3, "mmap", func(w *world) []string { return w.quietly((*world).editMapped) }},
		{3, "link", func(w *world) []string { return w.quietly((*world).editByLink) }},
		{1, "mapping-kept", func(w *world) []string { return w.quietly((*world).editKeptMapping) }},
		{2, "mount", (*world).editByMount},
	}}
}

// quietly builds, edits each header that way and builds at once, so that no other
// event comes between.
func (w *world) quietly(edit func(w *world, file string)) []string {
	defer w.unmap()
	w.useSet()
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	for range 1 + w.between(2) {
		for _, file := range w.code() {
			if w.read(file) != "" { // an empty file cannot be mapped
				edit(w, file)
			}
		}
		if wrong := w.buildAndJudge(); len(wrong) > 0 {
			return wrong
		}
	}
	return nil
}

// mapped is a file in memory, its writer closed.
func (w *world) mapped(file string) []byte {
	f, err := os.OpenFile(w.abs(file), os.O_RDWR, 0)
	w.must(err)
	info, err := f.Stat()
	w.must(err)
	m, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	w.must(err)
	w.must(f.Close())
	return m
}

func (w *world) editMapped(file string) {
	w.note("edit %s through mmap", file)
	text := w.otherNumber(w.read(file))
	m := w.mapped(file)
	copy(m, text)
	w.must(syscall.Munmap(m))
}

// editKeptMapping writes twice through one mapping, with a build between.
func (w *world) editKeptMapping(file string) {
	w.note("edit %s through a mapping that stays", file)
	text := w.read(file)
	m := w.mapped(file)
	copy(m, w.otherNumber(text))
	if w.chance(30) {
		w.build(nil)
	}
	copy(m, w.otherNumber(text))
	w.mappings = append(w.mappings, m)
}

// unmap ends the mappings that were kept: what is read of a file that is mapped for writing
// is not kept.
func (w *world) unmap() {
	for _, m := range w.mappings {
		w.must(syscall.Munmap(m))
	}
	w.mappings = nil
}

// editByLink writes through another name of the file, in a folder of no interest.
func (w *world) editByLink(file string) {
	w.note("edit %s through another hard link", file)
	w.must(os.MkdirAll(w.abs("else"), 0o755))
	name := w.abs(fmt.Sprintf("else/%d", w.more()))
	w.must(os.Link(w.real(file), name))
	w.must(os.WriteFile(name, []byte(w.otherNumber(w.read(file))), 0o644))
	if w.chance(50) {
		w.must(os.Remove(name))
	}
}

// editByMount mounts a file over a header and edits it at its other end.
func (w *world) editByMount() []string {
	if os.Getuid() != 0 {
		return w.buildAndJudge()
	}
	w.useSet()
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	headers := w.headers()
	if len(headers) == 0 {
		return nil
	}
	file := pick(w, headers)
	w.must(os.MkdirAll(w.abs("else"), 0o755))
	other, at := w.abs(fmt.Sprintf("else/mount%d", w.more())), w.real(file)
	w.must(os.WriteFile(other, []byte(w.read(file)), 0o644))
	w.note("mount another file over %s", file)
	if err := syscall.Mount(other, at, "", syscall.MS_BIND, ""); err != nil {
		w.note("  %v", err)
		return w.buildAndJudge()
	}
	mounted := true
	unmount := func() {
		if mounted {
			mounted = false
			w.must(syscall.Unmount(at, syscall.MNT_DETACH))
		}
	}
	w.t.Cleanup(unmount)
	wrong := w.buildAndJudge()
	for range 2 {
		if len(wrong) > 0 {
			return wrong
		}
		w.note("edit the other end of the mount")
		w.must(os.WriteFile(other, []byte(w.otherNumber(w.read(file))), 0o644))
		wrong = w.buildAndJudge()
	}
	w.note("unmount %s", file)
	unmount()
	if len(wrong) > 0 {
		return wrong
	}
	return w.buildAndJudge()
}

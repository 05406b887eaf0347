package setup

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// loader finds the shared libraries that a program loads, as ld.so(8) does: DT_RPATH,
// LD_LIBRARY_PATH, DT_RUNPATH, ld.so.cache, the default folders.
type loader struct {
	watcher
	libraryPath []string
	cache       map[string][]string // by soname, from ld.so.cache
	seen        map[string]bool
}

func newLoader(w watcher, libraryPath []string) *loader {
	l := &loader{watcher: w, libraryPath: libraryPath, seen: map[string]bool{}}
	const file = "/etc/ld.so.cache"
	if w.isFile(file) {
		if text, err := w.read(file); err == nil {
			l.cache = parseLoaderCache(text)
		}
	}
	return l
}

// defaultLibraryDirs are searched last. The folders of Debian's multiarch are in
// ld.so.cache.
var defaultLibraryDirs = []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// closure adds a program and all that it loads to files, by their real paths.
func (l *loader) closure(program string, files map[string]bool) {
	file, err := filepath.EvalSymlinks(program)
	if err != nil || l.seen[file] {
		return
	}
	l.seen[file] = true
	l.exists(program)
	l.exists(file)
	files[file] = true
	o, err := readELF(file)
	if err != nil {
		return
	}
	if o.interpreter != "" && l.isFile(o.interpreter) {
		l.closure(o.interpreter, files)
	}
	for _, name := range o.needed {
		if lib := l.find(name, o); lib != "" {
			l.closure(lib, files)
		}
	}
}

// find returns the path of a library that o needs.
func (l *loader) find(name string, o elfObject) string {
	if strings.Contains(name, "/") {
		return name
	}
	var dirs []string
	if len(o.runpath) == 0 {
		dirs = append(dirs, o.rpath...)
	}
	dirs = append(append(dirs, l.libraryPath...), o.runpath...)
	for _, dir := range dirs {
		if file := filepath.Join(dir, name); l.isFile(file) && o.fits(file) {
			return file
		}
	}
	for _, file := range l.cache[name] {
		if l.isFile(file) && o.fits(file) {
			return file
		}
	}
	for _, dir := range defaultLibraryDirs {
		if file := filepath.Join(dir, name); l.isFile(file) && o.fits(file) {
			return file
		}
	}
	return ""
}

// elfObject is the part of a program or library that says what it loads.
type elfObject struct {
	class          elf.Class
	machine        elf.Machine
	needed         []string
	rpath, runpath []string
	interpreter    string
}

// fits reports whether a library is for the same machine.
func (o elfObject) fits(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [20]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != elf.ELFMAG {
		return false
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[5]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return elf.Class(head[4]) == o.class && elf.Machine(order.Uint16(head[18:])) == o.machine
}

func readELF(file string) (elfObject, error) {
	f, err := elf.Open(file)
	if err != nil {
		return elfObject{}, err
	}
	defer f.Close()
	o := elfObject{class: f.Class, machine: f.Machine}
	o.needed, _ = f.ImportedLibraries()
	origin := filepath.Dir(file)
	paths := func(tag elf.DynTag) (out []string) {
		values, _ := f.DynString(tag)
		for _, v := range values {
			for _, dir := range strings.Split(v, ":") {
				dir = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir)
				if filepath.IsAbs(dir) {
					out = append(out, filepath.Clean(dir))
				}
			}
		}
		return out
	}
	o.rpath, o.runpath = paths(elf.DT_RPATH), paths(elf.DT_RUNPATH)
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			text, _ := io.ReadAll(io.LimitReader(p.Open(), 4096))
			o.interpreter = string(bytes.TrimRight(text, "\x00"))
		}
	}
	return o, nil
}

// parseLoaderCache reads /etc/ld.so.cache in the format that glibc 2.2 brought and
// 2.32 made the only one: a header of 48 bytes, entries of 24, and strings, whose
// offsets count from the header.
func parseLoaderCache(text []byte) map[string][]string {
	const magic = "glibc-ld.so.cache1.1"
	at := bytes.Index(text, []byte(magic))
	if at < 0 || len(text) < at+48 {
		return nil
	}
	text = text[at:]
	order := binary.NativeEndian
	count := order.Uint32(text[20:])
	out := map[string][]string{}
	for i := range uint64(count) {
		e := 48 + 24*i
		if e+24 > uint64(len(text)) {
			break
		}
		name, file := cString(text, order.Uint32(text[e+4:])), cString(text, order.Uint32(text[e+8:]))
		if name != "" && file != "" {
			out[name] = append(out[name], file)
		}
	}
	return out
}

func cString(text []byte, at uint32) string {
	if uint64(at) >= uint64(len(text)) {
		return ""
	}
	s, _, _ := bytes.Cut(text[at:], []byte{0})
	return string(s)
}

package setup

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// describe fills m from a description: pkg-config first, since it knows this
// machine, then what the description itself says. It reports whether the module is
// there.
func (r *resolver) describe(m *module, f *moduleFile) bool {
	for _, req := range f.pkgConfig {
		p := r.query(req.name.text)
		if p.Found && (!req.version.given() || meets(p.Version, req.version.text)) {
			m.addPackage(p)
			m.version = orDefault(m.version, p.Version)
			return true
		}
	}
	l := f.library
	if len(f.pkgConfig) > 0 && !l.libNames.given() && !l.headers.given() && !l.includeDirs.given() {
		return false
	}
	if r.absent(f) != "" {
		return false
	}
	for _, dir := range l.includeDirs.texts() {
		if dir = absolute(f.dir, dir); r.store.isDir(dir) && !slices.Contains(r.chain.IncludeDirs, dir) {
			m.cflags = append(m.cflags, "-isystem", relative(r.store.root, dir))
		}
	}
	for _, d := range l.defines.texts() {
		m.cflags = append(m.cflags, "-D"+d)
	}
	m.cxxFlags = append(m.cxxFlags, l.cxxFlags.texts()...)
	for _, dir := range l.libDirs.texts() {
		if dir = absolute(f.dir, dir); r.store.isDir(dir) {
			m.linkFlags = append(m.linkFlags, "-L"+relative(r.store.root, dir))
		}
	}
	m.linkFlags = append(m.linkFlags, l.linkFlags.texts()...)
	for _, name := range l.libNames.texts() {
		m.libs = append(m.libs, libraryFlag(r.store.root, f.dir, name))
	}
	if m.version == "" && l.versionHeader.given() && l.versionMacro.given() {
		m.version = r.readVersion(f)
	}
	return true
}

// absent names the part of a description that is not on this machine, "" if all is there.
func (r *resolver) absent(f *moduleFile) string {
	for _, header := range f.library.headers.texts() {
		if r.header(f, header) == "" {
			return "no header " + header
		}
	}
	for _, name := range f.library.libNames.texts() {
		if !r.hasLibrary(f, name) {
			return "no library " + name
		}
	}
	if len(f.pkgConfig) > 0 && !f.library.libNames.given() && !f.library.headers.given() && !f.library.includeDirs.given() {
		return "pkg-config does not find " + f.pkgConfig[0].name.text
	}
	if dirs := f.library.includeDirs.texts(); len(dirs) > 0 && !f.library.headers.given() {
		for _, dir := range dirs {
			if r.store.isDir(absolute(f.dir, dir)) {
				return ""
			}
		}
		return "no folder " + dirs[0]
	}
	return ""
}

// header finds a header in the description's folders and in the compiler's.
func (r *resolver) header(f *moduleFile, name string) string {
	for _, dir := range append(absoluteAll(f.dir, f.library.includeDirs.texts()), r.chain.IncludeDirs...) {
		if file := filepath.Join(dir, filepath.FromSlash(name)); r.store.isFile(file) {
			return file
		}
	}
	return ""
}

// hasLibrary looks for a library where the linker will. Without a compiler that is not
// known; the missing compiler has been reported.
func (r *resolver) hasLibrary(f *moduleFile, name string) bool {
	if isLibraryFile(name) {
		return r.store.isFile(absolute(f.dir, name))
	}
	if len(r.chain.LibraryDirs) == 0 {
		return true
	}
	for _, dir := range append(absoluteAll(f.dir, f.library.libDirs.texts()), r.chain.LibraryDirs...) {
		for _, pattern := range []string{"lib%s.so", "lib%s.a", "lib%s.dylib", "lib%s.tbd", "%s.lib"} {
			if r.store.isFile(filepath.Join(dir, fmt.Sprintf(pattern, name))) {
				return true
			}
		}
	}
	return false
}

// readVersion reads the version from a macro like `#define ZLIB_VERSION "1.2.13"`.
func (r *resolver) readVersion(f *moduleFile) string {
	file := r.header(f, f.library.versionHeader.text)
	if file == "" {
		return ""
	}
	text, err := r.store.read(file)
	if err != nil {
		return ""
	}
	define := regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+` + regexp.QuoteMeta(f.library.versionMacro.text) + `[ \t]+"?([0-9][^"\s]*)`)
	if m := define.FindSubmatch(text); m != nil {
		return string(bytes.ReplaceAll(m[1], []byte("_"), []byte(".")))
	}
	return ""
}

// installHint is the next step for a description whose library is not there.
func (r *resolver) installHint(f *moduleFile) string {
	if len(f.pkgConfig) > 0 {
		return fmt.Sprintf("install its development package; pkg-config would know it as %s", f.pkgConfig[0].name.text)
	}
	return "install it, or describe where it is in .replibuild/modules/" + strings.TrimPrefix(filepath.Base(f.doc.name), "built-in ")
}

// libraryFlag is how the linker is told of a library: a name, a file, or a flag.
func libraryFlag(root, dir, name string) string {
	switch {
	case strings.HasPrefix(name, "-"):
		return name
	case isLibraryFile(name):
		return relative(root, absolute(dir, name))
	}
	return "-l" + name
}

// isLibraryFile reports whether a library is named by its file.
func isLibraryFile(name string) bool {
	return strings.Contains(name, "/") || strings.HasSuffix(name, ".a") || strings.HasSuffix(name, ".so") ||
		strings.Contains(name, ".so.") || strings.HasSuffix(name, ".dylib") || strings.HasSuffix(name, ".lib") || strings.HasSuffix(name, ".o")
}

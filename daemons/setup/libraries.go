package setup

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// packageHeaders tell by a header which package of pkg-config a source needs, where
// no module of ours does.
var packageHeaders = map[string]string{
	"SDL2/SDL.h": "sdl2", "SDL.h": "sdl2", "GLFW/glfw3.h": "glfw3", "X11/Xlib.h": "x11", "GL/gl.h": "gl", "GL/glew.h": "glew",
	"expat.h": "expat", "ffi.h": "libffi", "freetype/freetype.h": "freetype2", "ft2build.h": "freetype2", "glib.h": "glib-2.0",
	"gmp.h": "gmp", "gmpxx.h": "gmpxx", "gtk/gtk.h": "gtk+-3.0", "jansson.h": "jansson", "json/json.h": "jsoncpp", "libpq-fe.h": "libpq",
	"libxml/parser.h": "libxml-2.0", "lz4.h": "liblz4", "lzma.h": "liblzma", "ncurses.h": "ncurses", "curses.h": "ncurses",
	"nlohmann/json.hpp": "nlohmann_json", "readline/readline.h": "readline", "uuid/uuid.h": "uuid", "yaml.h": "yaml-0.1",
	"yaml-cpp/yaml.h": "yaml-cpp", "zmq.h": "libzmq", "zstd.h": "libzstd", "catch2/catch_test_macros.hpp": "catch2-with-main",
	"benchmark/benchmark.h": "benchmark", "doctest/doctest.h": "doctest", "event2/event.h": "libevent", "uv.h": "libuv",
}

// threadHeaders make a program need -pthread on older systems.
var threadHeaders = []string{"thread", "future", "pthread.h"}

// findLibraries finds the modules and packages that the sources include, and that
// are installed.
func (l *layout) findLibraries() {
	modules := l.moduleHeaders()
	needs := map[string]bool{}
	for _, t := range l.targets {
		for _, f := range l.reach(t) {
			for _, inc := range f.includes {
				l.findLibrary(t, inc, modules, needs)
			}
		}
	}
	l.modules, l.packages = nil, nil
	for _, key := range sortedKeys(needs) {
		kind, name, _ := strings.Cut(key, " ")
		if kind == "module" {
			l.modules = append(l.modules, name)
		} else {
			l.packages = append(l.packages, name)
		}
	}
	cOnly := !slices.ContainsFunc(l.sources, func(f *foundSource) bool { return f.lang == "c++" })
	for _, t := range l.targets {
		for _, f := range l.reach(t) {
			for _, inc := range f.includes {
				if inc.name == "math.h" && cOnly && !slices.Contains(l.linkLibs, "m") {
					l.linkLibs = append(l.linkLibs, "m")
				}
				if inc.name == "dlfcn.h" && currentSystem == "linux" && !slices.Contains(l.linkLibs, "dl") {
					l.linkLibs = append(l.linkLibs, "dl")
				}
			}
		}
	}
}

// findLibrary notes what one include needs: for the whole project if its own code
// includes it, else for the test or example.
func (l *layout) findLibrary(t *proposed, inc include, modules map[string]string, needs map[string]bool) {
	if slices.Contains(threadHeaders, inc.name) {
		needs["module Threads"] = true
		return
	}
	if module := moduleOf(inc.name, modules); module != "" && l.hasModule(module) {
		switch {
		case t.role == roleCode:
			needs["module "+module] = true
		case !slices.Contains(t.modules, module):
			t.modules = append(t.modules, module)
		}
		return
	}
	if pkg := packageHeaders[inc.name]; pkg != "" && l.resolver.query(pkg).Found {
		needs["package "+pkg] = true
	}
}

// moduleHeaders maps the headers that modules say they have to the modules.
func (l *layout) moduleHeaders() map[string]string {
	out := map[string]string{}
	for _, name := range l.resolver.store.names() {
		if f := l.resolver.store.find(name); f != nil {
			for _, h := range f.library.headers.texts() {
				out[h] = name
			}
		}
	}
	return out
}

// moduleOf finds the module of a header: by the header itself, or by the folder that
// it shares with one.
func moduleOf(header string, modules map[string]string) string {
	if m := modules[header]; m != "" {
		return m
	}
	top, _, nested := strings.Cut(header, "/")
	if !nested {
		return ""
	}
	for _, h := range sortedKeys(modules) {
		if strings.HasPrefix(h, top+"/") {
			return modules[h]
		}
	}
	return ""
}

// hasModule reports whether a module can be used here.
func (l *layout) hasModule(name string) bool {
	before := l.resolver.problems
	l.resolver.problems = &problems{}
	defer func() { l.resolver.problems = before }()
	l.resolver.offer(name)
	return l.resolver.done["module "+name] != nil
}

// reach lists a target's sources, and the project's headers that they include, as
// far as these are the project's.
func (l *layout) reach(t *proposed) []*foundSource {
	out := slices.Clone(t.sources)
	seen := map[string]bool{}
	for i := 0; i < len(out); i++ {
		for _, inc := range out[i].includes {
			header, _ := l.locateHeader(out[i].path, inc)
			if header != "" && !seen[header] {
				seen[header] = true
				out = append(out, &foundSource{path: header, includes: l.includesOf(header)})
			}
		}
	}
	return out
}

// dropUnbuildable leaves out tests and examples with an include that is not installed,
// so that the rest builds.
func (l *layout) dropUnbuildable() {
	l.targets = slices.DeleteFunc(l.targets, func(t *proposed) bool {
		if t.role == roleCode {
			return false
		}
		for _, f := range l.reach(t) {
			for _, inc := range f.includes {
				if header, _ := l.locateHeader(f.path, inc); header == "" && !l.available(t, inc.name) {
					l.leftOut = append(l.leftOut, t.sources[0].path+": "+inc.name+" is not installed")
					return true
				}
			}
		}
		return false
	})
}

// available reports whether a header that is not the project's can be included.
func (l *layout) available(t *proposed, header string) bool {
	if l.inSystem(header) || len(l.resolver.chain.IncludeDirs) == 0 {
		return true
	}
	for _, flag := range l.flagsOf(slices.Concat(l.modules, t.modules), l.packages) {
		if dir, ok := strings.CutPrefix(flag, "-I"); ok && l.resolver.store.isFile(absolute(absolute(l.root, dir), header)) {
			return true
		}
	}
	return false
}

// flagsOf returns the compile flags of modules and packages; "-isystem DIR" as -IDIR.
func (l *layout) flagsOf(modules, packages []string) []string {
	var out []string
	for _, name := range modules {
		if m := l.resolver.done["module "+name]; m != nil {
			for _, m := range flatten([]*module{m}) {
				out = append(out, strings.Split(strings.ReplaceAll(strings.Join(m.cflags, "\x00"), "-isystem\x00", "-I"), "\x00")...)
			}
		}
	}
	for _, name := range packages {
		out = append(out, l.resolver.query(name).Cflags...)
	}
	return out
}

// readLimited reads a file that may be anything.
func readLimited(file string) ([]byte, error) {
	if !ipc.StatSignature(file).IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4<<20))
}

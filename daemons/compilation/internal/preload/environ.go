package preload

import (
	"debug/elf"
	"path"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/shellline"
)

// isText reports records whose path is none.
func (e entry) isText() bool {
	return e.kind == kindVariable || e.kind == kindWhole || e.kind == kindLine || e.kind == kindWanted
}

// environLedger gathers what processes asked of the environment.
type environLedger struct {
	names     []string
	seen      map[string]bool
	whole     map[uint32]bool     // processes that read what the kernel has
	lines     map[uint32]string   // of shells
	libraries map[uint32][]string // of foreign programs
}

func newEnvironLedger() environLedger {
	return environLedger{
		seen: make(map[string]bool), whole: make(map[uint32]bool), lines: make(map[uint32]string), libraries: make(map[uint32][]string),
	}
}

func (l *environLedger) add(e entry) {
	switch e.kind {
	case kindVariable:
		l.ask(e.path)
	case kindWhole:
		l.whole[e.process] = true
	case kindLine:
		l.lines[e.process] = e.path
	}
}

func (l *environLedger) ask(name string) {
	if !l.seen[name] {
		l.seen[name] = true
		l.names = append(l.names, name)
	}
}

// observe says what was asked. Programs that are known ask for names only: what else they
// do with the environment is hand it on. mayReadAll looks at the files of a program.
func (l *environLedger) observe(o *Observation, foreign map[uint32]string, mayReadAll func(files []string) bool) {
	for process, program := range foreign {
		line, isLine := l.lines[process]
		if isLine && !l.whole[process] && shellline.IsShell(path.Base(program)) {
			if reads, ok := shellline.Transparent(line); ok {
				for _, name := range reads {
					l.ask(name)
				}
				continue
			}
		}
		if slices.Contains(o.WholeBy, program) {
			continue
		}
		if l.whole[process] || mayReadAll(append([]string{program}, l.libraries[process]...)) {
			o.WholeBy = append(o.WholeBy, program)
		}
	}
	slices.Sort(o.WholeBy)
	slices.Sort(l.names)
	o.Variables = l.names
}

// environUse is whether a file names the array of all variables.
type environUse struct {
	stamp Stamp
	names bool
}

// environNames are the symbols of that array (environ(7)).
var environNames = [...]string{"environ", "__environ", "_environ"}

// goBuildInfo is in every program in Go, whose runtime copies the environment without a
// call (runtime/debug.ReadBuildInfo).
const goBuildInfo = ".go.buildinfo"

// namesEnviron looks at the symbols that a file exports or needs. A file that has none of
// these, such as a static program, may do anything.
func namesEnviron(file string) bool {
	f, err := elf.Open(file)
	if err != nil {
		return true
	}
	defer f.Close()
	if isCLibrary(f) {
		return false
	}
	symbols, err := f.DynamicSymbols()
	if err != nil || f.Section(goBuildInfo) != nil {
		return true
	}
	return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return slices.Contains(environNames[:], s.Name) })
}

// isCLibrary reports whether a library is a part of the C library, by its own name.
func isCLibrary(f *elf.File) bool {
	names, _ := f.DynString(elf.DT_SONAME)
	for _, name := range names {
		for _, pattern := range [...]string{"libc.so*", "ld-linux*.so*", "ld-musl-*", "libpthread.so*", "libdl.so*", "libresolv.so*"} {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}

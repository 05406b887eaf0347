package setup

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/RepliBuild/replibuild/internal/gcc"
)

// ownPrograms returns which of a toolchain's programs are the tools themselves, links
// resolved. A driver behind a wrapper is not one of them: the wrapper may read any file.
// Clang's driver names itself as its compiler; gcc's is recognised by its content.
func ownPrograms(programs []string, t probed, all []driverFacts) []string {
	compilers := map[string]bool{}
	for _, f := range all {
		compilers[realPath(f.compiler)] = true
	}
	var own []string
	for _, program := range programs {
		file := realPath(program)
		driver := program == t.CXX || program == t.CC
		switch {
		case slices.Contains(own, file) || isScript(file):
		case driver && !compilers[file] && !isAppleShim(file) && !(t.Family == "gcc" && gcc.IsDriver(file)):
		default:
			own = append(own, file)
		}
	}
	return own
}

// readsAnything reports whether a driver is not the tool itself: what a wrapper does may
// depend on any variable of the environment.
func (t *probed) readsAnything() bool {
	return !slices.Contains(t.Programs, realPath(t.CXX)) || !slices.Contains(t.Programs, realPath(t.CC))
}

// isAppleShim reports whether a driver is one of the programs in /usr/bin by which macOS
// starts the compilers of Xcode. The system protects that folder.
func isAppleShim(file string) bool {
	return runtime.GOOS == "darwin" && filepath.Dir(file) == "/usr/bin"
}

// isScript reports whether a file is run by an interpreter, or cannot be read.
func isScript(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return true
	}
	defer f.Close()
	start := make([]byte, 2)
	_, err = io.ReadFull(f, start)
	return err != nil || string(start) == "#!"
}

package daemons

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// Executable returns the replibuild binary that daemons run, by the given environment
// (os.Getenv): REPLIBUILD_EXE, else this program if it is replibuild, else the first
// replibuild on PATH (for programs that use the Go API). This program is called replibuild-go where
// replibuild is the thin client.
func Executable(env func(string) string) (string, error) {
	if exe := env("REPLIBUILD_EXE"); exe != "" {
		if !isProgram(exe) {
			return "", ipc.Errorf(ipc.CodeUnavailable, "REPLIBUILD_EXE names %s, which cannot be run", exe).
				WithHint("set it to the path of the replibuild binary, or unset it")
		}
		return filepath.Abs(exe)
	}
	name := "replibuild"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil && isOwnName(filepath.Base(self), name) && isProgram(self) {
		return self, nil
	}
	for _, dir := range filepath.SplitList(env("PATH")) {
		if exe := filepath.Join(dir, name); filepath.IsAbs(exe) && isProgram(exe) {
			return exe, nil
		}
	}
	return "", ipc.Errorf(ipc.CodeUnavailable, "cannot find the replibuild binary that runs the daemons").
		WithHint("put replibuild on the PATH (`make install`), or set REPLIBUILD_EXE to it")
}

// goName is this program where the thin client has its name.
const goName = "replibuild-go"

func isOwnName(base, name string) bool { return base == name || base == goName }

// ForUse returns the program that others shall call by name: the thin client beside a
// replibuild-go, which starts sooner, else the program itself.
func ForUse(exe string) string {
	thin := filepath.Join(filepath.Dir(exe), strings.TrimSuffix(goName, "-go"))
	if filepath.Base(exe) == goName && isProgram(thin) {
		return thin
	}
	return exe
}

func isProgram(path string) bool {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return false
	}
	return runtime.GOOS == "windows" && strings.HasSuffix(path, ".exe") || fi.Mode().Perm()&0o111 != 0
}

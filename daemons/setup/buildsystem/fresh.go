package buildsystem

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/ipc"
)

// settingsOf are the files, as patterns in the build folder, in which a build system keeps
// options and what it found out by them.
var settingsOf = map[string][]string{
	setup.SystemCMake: {"CMakeCache.txt", "CMakeFiles/[0-9]*"},
	setup.SystemMeson: {"meson-private"},
}

// forget removes a folder's settings. build.ninja goes too: a half of the old build must
// not be taken for the new one.
func forget(b *setup.BuildSystem) error {
	var failed []error
	for _, pattern := range append([]string{"build.ninja"}, settingsOf[b.System]...) {
		found, err := filepath.Glob(filepath.Join(escapeGlob(b.BuildDir), pattern))
		failed = append(failed, err)
		for _, path := range found {
			failed = append(failed, os.RemoveAll(path))
		}
	}
	return errors.Join(failed...)
}

// escapeGlob makes a folder's path stand for itself in a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// checkForeign refuses a folder that somebody configured in a way that cannot be built
// here: by another generator of CMake's, or from other sources.
func checkForeign(b *setup.BuildSystem) error {
	if b.System != setup.SystemCMake {
		return nil
	}
	cache := cmakeCache(b.BuildDir)
	remove := "remove the folder (rm -r " + b.BuildDir + ") and run `replibuild compile` again, or set [build] build_dir to another one"
	if g := cache["CMAKE_GENERATOR"]; g != "" && g != "Ninja" {
		return ipc.Errorf(ipc.CodeConfig, "%s was configured for %s, and RepliBuild needs the generator Ninja there", b.BuildDir, g).WithHint("%s", remove)
	}
	if home := cache["CMAKE_HOME_DIRECTORY"]; home != "" && !sameFolder(home, b.SourceDir) {
		return ipc.Errorf(ipc.CodeConfig, "%s was configured from the sources in %s, not from %s", b.BuildDir, home, b.SourceDir).WithHint("%s", remove)
	}
	return nil
}

func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// SourceDir is the source folder of a build folder that CMake or Meson has configured,
// absolute, links resolved; "" if it is not known.
func SourceDir(buildDir string) string {
	dir := cmakeCache(buildDir)["CMAKE_HOME_DIRECTORY"]
	if dir == "" {
		var info struct {
			Directories struct {
				Source string `json:"source"`
			} `json:"directories"`
		}
		text, err := os.ReadFile(filepath.Join(buildDir, "meson-info", "meson-info.json"))
		if err != nil || json.Unmarshal(text, &info) != nil {
			return ""
		}
		dir = info.Directories.Source
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || !filepath.IsAbs(real) {
		return ""
	}
	return real
}

// cmakeCache reads the entries of a CMakeCache.txt, NAME:TYPE=VALUE each, by name; none if
// there is no such file.
func cmakeCache(dir string) map[string]string {
	f, err := os.Open(filepath.Join(dir, "CMakeCache.txt"))
	if err != nil {
		return nil
	}
	defer f.Close()
	entries := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		if _, value, typed := strings.Cut(rest, "="); ok && typed {
			entries[name] = value
		}
	}
	return entries
}

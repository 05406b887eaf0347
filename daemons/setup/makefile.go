package setup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// makefiles are the names that make looks for, in its order (GNU make's manual, "Makefile Names").
var makefiles = []string{"GNUmakefile", "makefile", "Makefile"}

// compilesC matches a makefile that compiles: by a compiler, by an object that make's own rules
// know how to make, or by another makefile.
var compilesC = lazyregexp.New(`\$[({](CC|CXX|MAKE|COMPILE\.\w+)[)}]|\.o\b|\b(gcc|g\+\+|clang|clang\+\+)\b`)

// callsUs matches a makefile that calls us: it is not what the project is built by.
var callsUs = lazyregexp.New(`\breplibuild\b`)

// ProposesConfigure reports whether make builds the folder, and its Makefile has yet to be made by a
// script named configure.
func ProposesConfigure(root string) bool {
	_, err := os.Stat(filepath.Join(root, "configure"))
	return err == nil && makefileOf(root) == ""
}

// makefileOf is the makefile of a folder, "" if there is none.
func makefileOf(dir string) string {
	for _, name := range makefiles {
		if path := filepath.Join(dir, name); isRegular(path) {
			return path
		}
	}
	return ""
}

// proposeMake returns the replibuild.toml for a folder that make builds, "" for another one.
func proposeMake(root string) string {
	if text, err := os.ReadFile(makefileOf(root)); err == nil {
		if !compilesC().Match(text) || callsUs().Match(text) {
			return ""
		}
	} else if !ProposesConfigure(root) {
		return ""
	}
	return "[build]\nsystem = \"make\"\n"
}

// CheckMakefile says what to do if make would find no makefile. Targets can be made by rules of
// make's own.
func (b *BuildSystem) CheckMakefile(targets []string) error {
	namesOne := func(option string) bool {
		return strings.HasPrefix(option, "-f") || strings.HasPrefix(option, "--f") || strings.HasPrefix(option, "--makefile") ||
			strings.HasPrefix(option, "-C") || strings.HasPrefix(option, "--directory") || strings.HasPrefix(option, "--eval")
	}
	if makefileOf(b.BuildDir) != "" || len(targets) > 0 || slices.ContainsFunc(b.Options, namesOne) {
		return nil
	}
	err := ipc.Errorf(ipc.CodeConfig, "there is no Makefile in %s", b.BuildDir)
	if _, statErr := os.Stat(filepath.Join(b.BuildDir, "configure")); statErr == nil {
		return err.WithHint("make one: (cd %s && ./configure)", b.BuildDir)
	}
	return err.WithHint("[build] build_dir names the folder that has it")
}

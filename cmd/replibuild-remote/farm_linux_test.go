package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/remotefake"
)

// farmed is sources with a build farm at a URL, and a unit that keeps the one slot here busy.
func farmed(url, more string) map[string]string {
	files := sources()
	files["src/a.cpp"] = "#include <map>\n#include <string>\nstd::map<std::string, int> a;\n"
	files["replibuild.toml"] += fmt.Sprintf("[remote]\nexecute = %q\ntimeout = 30000\n%s", url, more)
	return files
}

// executor is the user's file that allows a server to execute commands.
func executor(url string) string { return developer(url) + "execute = true\n" }

// farmUser is a user with one slot here and a project that compiles on a farm.
func farmUser(t *testing.T, url, more string) *tree {
	t.Helper()
	return newUser(t, executor(url)).tree("farmed", farmed(url, more))
}

// there are the sources that the farm compiled in a build.
func (b outcome) there() (files []string) {
	for name, reason := range b.reasons {
		if strings.Contains(reason, "compiled on the build farm") {
			files = append(files, name)
		}
	}
	return files
}

func TestFarmMakesEqualObjects(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{Execution: true})
	dev := farmUser(t, s.GRPC, "")
	b := dev.compile("-j", "1")
	if len(b.there()) == 0 || len(b.notices) > 0 {
		t.Errorf("compiled on the farm: %q, notices %q\n%s", b.there(), b.notices, b.text)
	}
	dev.right("the first build", "1\n", objects...)
}

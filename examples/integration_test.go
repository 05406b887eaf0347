package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestMakefile holds the Makefile equal to the one that the script
// integration_make.txtar starts, compiles and stops daemons with.
func TestMakefile(t *testing.T) {
	t.Parallel()
	script, err := txtar.ParseFile("../cmd/replibuild/testdata/script/integration_make.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range script.Files {
		if want := read(t, filepath.Join("integration", f.Name)); string(f.Data) != want {
			t.Errorf("%s differs from the script's copy:\n%s", f.Name, want)
		}
	}
	if len(script.Files) != 3 {
		t.Errorf("the script has %d files, want Makefile, replibuild.toml and src/main.cpp", len(script.Files))
	}
}

// tasks is what the test needs of tasks.json; problemMatcher is a list where there
// is none, so it is decoded later.
type tasks struct {
	Tasks []struct {
		Label          string
		Command        string
		ProblemMatcher json.RawMessage
	}
}

// pattern is VSCode's description of a line with an error: the numbers are groups.
type pattern struct {
	Regexp                                string
	File, Line, Column, Severity, Message int
}

// TestProblemMatcher lets the compilers report an error, a missing header and a
// warning, and reads them with the pattern of tasks.json.
func TestProblemMatcher(t *testing.T) {
	t.Parallel()
	p := readPattern(t)
	re, err := regexp.Compile(p.Regexp)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ source, line, severity, message string }{
		{"int main() {\n  return x;\n}\n", "2", "error", "x"},
		{"#include \"missing.h\"\n", "1", "error", "missing.h"},
		{"int f() {\n\n  int unused = 1;\n  return 2;\n}\n", "3", "warning", "unused"},
	}
	for _, compiler := range compilers(t) {
		for _, c := range cases {
			file := filepath.Join(t.TempDir(), "a b.cpp")
			if err := os.WriteFile(file, []byte(c.source), 0o644); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(compiler, "-Wall", "-fsyntax-only", file).CombinedOutput()
			m := firstMatch(re, string(out))
			if m == nil {
				t.Errorf("%s: the pattern matches no line of\n%s", compiler, out)
				continue
			}
			if m[p.File] != file || m[p.Line] != c.line || m[p.Column] == "" || m[p.Severity] != c.severity || !strings.Contains(m[p.Message], c.message) {
				t.Errorf("%s: the pattern reads %q from\n%s", compiler, m[1:], out)
			}
		}
	}
}

func readPattern(t *testing.T) pattern {
	t.Helper()
	var all tasks
	if err := json.Unmarshal([]byte(read(t, "integration/.vscode/tasks.json")), &all); err != nil {
		t.Fatal(err)
	}
	var found pattern
	var commands []string
	for _, task := range all.Tasks {
		commands = append(commands, task.Command)
		var matcher struct{ Pattern pattern }
		if json.Unmarshal(task.ProblemMatcher, &matcher) == nil {
			found = matcher.Pattern
		}
	}
	if got := strings.Join(commands, ", "); got != "replibuild start, replibuild compile, replibuild stop" {
		t.Errorf("the tasks run %s", got)
	}
	return found
}

func compilers(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"clang++-19", "clang++", "g++"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("no C++ compiler is installed")
	}
	return found
}

func firstMatch(re *regexp.Regexp, out string) []string {
	for line := range strings.Lines(out) {
		if m := re.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			return m
		}
	}
	return nil
}

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/internal/testkit"
)

// isEntry tells results of commands from the values that lead to them.
func isEntry(r *re.ActionResult) bool { return bytes.Contains(r.GetStdoutRaw(), []byte("{")) }

// A result that would write files that its command does not make is not used.
func TestForeignOutputs(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	uploader(t, s.GRPC, with(s.GRPC))
	poisoned := 0
	for _, name := range []string{"+src/main.cpp", "+../outside", "+replibuild.toml", "1", "+build/more.gcno"} {
		s.Rewrite(func(r *re.ActionResult, _ func(*re.Digest) []byte, put func([]byte) *re.Digest) {
			if isEntry(r) {
				poisoned++
				r.OutputFiles = append(r.OutputFiles[:1], &re.OutputFile{Path: name, Digest: put([]byte("int main() { return 66; }\n"))})
			}
		})
		dev := reader(t, s.GRPC, with(s.GRPC))
		b := dev.compile()
		for _, made := range names {
			b.from(t, name, made, "")
		}
		if dev.prints(name, "1\n"); dev.read("src/main.cpp") != sources()["src/main.cpp"] {
			t.Errorf("%s: a source was replaced", name)
		}
	}
	if poisoned < 15 {
		t.Errorf("%d results were poisoned", poisoned)
	}
}

// Of a server that gives wrong objects the audit finds one. The project does not use that
// server any more, says so, and makes again what came from it; that holds for build folders of
// CMake too, whose commands also write dependency files.
func TestPoisonedServer(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"toml", "cmake"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := remotefake.Start(t, remotefake.Options{})
			files := manySources(s.GRPC)
			if by == "cmake" {
				if _, err := exec.LookPath("cmake"); err != nil {
					t.Skip("cmake is not installed")
				}
				files["CMakeLists.txt"] = "cmake_minimum_required(VERSION 3.13)\nproject(app C)\nfile(GLOB all src/*.c)\nadd_executable(app ${all})\n"
				files["replibuild.toml"] = fmt.Sprintf("[build]\nsystem = \"cmake\"\n[remote]\ncache = %q\ntimeout = 30000\n", s.GRPC)
			}
			uploader(t, s.GRPC, files)
			s.Rewrite(func(r *re.ActionResult, content func(*re.Digest) []byte, put func([]byte) *re.Digest) {
				for _, f := range r.GetOutputFiles() {
					if isEntry(r) && f.GetPath() == "0" {
						f.Digest = put(append(bytes.Clone(content(f.GetDigest())), "poisoned"...))
					}
				}
			})
			dev := reader(t, s.GRPC, files)
			dev.daemons()
			if b := dev.build("replibuild", "compile", "--json"); b.exit != 0 {
				t.Fatal(b.text)
			}
			poisoned := func() (found []string) {
				out, _, _ := dev.command(dev.root, "grep", "-rl", "poisoned", "build", "--include=*.o", "--include=app")
				return strings.Fields(out)
			}
			if n := len(poisoned()); n < units {
				t.Fatalf("%d objects are poisoned", n)
			}
			testkit.Until(t, "the audit", func() bool {
				off, _ := filepath.Glob(filepath.Join(dev.home, "a-developer/with/another-folder/.replibuild/*/remote-off"))
				more, _ := filepath.Glob(filepath.Join(dev.root, "build/.replibuild/*/remote-off"))
				return len(off)+len(more) > 0
			})
			b := dev.build("replibuild", "compile", "--json")
			if b.exit != 0 || !strings.Contains(strings.Join(b.notices, "\n"), "the remote cache is turned off for this project") {
				t.Errorf("exit %d, notices %q", b.exit, b.notices)
			}
			if left := poisoned(); len(left) > 0 {
				t.Errorf("after the next build %d files are poisoned still: %q", len(left), left)
			}
		})
	}
}

// units is how many results a build of manySources takes from a server, at least: one in 50
// is audited.
const units = 50

// manySources are a project with so many units that the audit looks at one.
func manySources(url string) map[string]string {
	files := map[string]string{
		"replibuild.toml": fmt.Sprintf("[project]\nname = \"app\"\n[compilation]\ndebug = false\n[remote]\ncache = %q\ntimeout = 30000\n", url),
		"src/main.c":      "int main(void) { return 0; }\n",
	}
	for i := range units - 1 {
		files[fmt.Sprintf("src/f%d.c", i)] = fmt.Sprintf("int f%d(void) { return %d; }\n", i, i)
	}
	return files
}

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotefake"
)

// farmed is sources with a build farm at a URL, and a further unit for the one slot here.
func farmed(url, more string) map[string]string {
	files := sources()
	files["src/a.cpp"] = "extern int a;\nint a = 1;\n"
	files["replibuild.toml"] += fmt.Sprintf("[remote]\nexecute = %q\ntimeout = 30000\n%s", url, more)
	return files
}

// executor is the user's file that allows a server to execute commands.
func executor(url string) string { return developer(url) + "execute = true\n" }

// farm changes all units and builds with one slot here. All units but one can go to the farm;
// it expects that it compiled at least so many, none of those in here, a program that prints
// want, and objects that are those of a build without farm.
func (tr *tree) farm(what, want string, least int, here ...string) outcome {
	tr.t.Helper()
	for _, name := range []string{"src/a.cpp", "src/f.cpp", "src/main.cpp"} {
		tr.save(name, tr.read(name)+"// "+what+"\n")
	}
	b := tr.compile("-j", "1")
	if b.exit != 0 {
		tr.t.Fatalf("%s: exit %d: %s", what, b.exit, b.text)
	}
	there := 0
	for name, reason := range b.reasons {
		if !strings.Contains(reason, "compiled on the build farm grpc://127.0.0.1:") {
			continue
		}
		there++
		if slices.Contains(here, name) {
			tr.t.Errorf("%s: the farm compiled %s", what, name)
		}
	}
	if there < least || least == 0 && there > 0 {
		tr.t.Errorf("%s: the farm compiled %d units: %s", what, there, b.text)
	}
	tr.right(what, want, objects...)
	return b
}

// notice expects one notice with a text, or none if it is "".
func (b outcome) notice(t *testing.T, what, text string) {
	t.Helper()
	if n := len(b.notices); text == "" && n > 0 || text != "" && (n != 1 || !strings.Contains(b.notices[0], text)) {
		t.Errorf("%s: notices %q, want one with %q", what, b.notices, text)
	}
}

// hooks change what a farm does. The zero value changes nothing.
type hooks struct {
	before   func(call string) error
	executed func(r *re.ActionResult)
}

// TestFarm has all with one server, because each gets a compiler of 250 MB: that takes a minute
// of CPU, so `make remote-test` and `make race` run it.
func TestFarm(t *testing.T) {
	t.Parallel()
	if os.Getenv("REPLIBUILD_FARM") == "" {
		t.Skip("REPLIBUILD_FARM is not set: `make remote-test` sets it")
	}
	var now atomic.Pointer[hooks]
	now.Store(&hooks{})
	s := remotefake.Start(t, remotefake.Options{
		Execution: true, Platform: map[string]string{"OSFamily": "Linux", "Arch": "amd64"},
		Before: func(_ context.Context, call string) error {
			if h := now.Load(); h.before != nil {
				return h.before(call)
			}
			return nil
		},
		Executed: func(r *re.ActionResult) {
			if h := now.Load(); h.executed != nil {
				h.executed(r)
			}
		},
	})
	t.Run("not allowed", func(t *testing.T) { farmNotAllowed(t, s) })
	t.Run("equal objects", func(t *testing.T) { farmMakesEqualObjects(t, s) })
	t.Run("only what is equal there", func(t *testing.T) { farmGetsOnlyWhatIsEqual(t, s) })
	t.Run("faults", func(t *testing.T) { farmNeverFailsABuild(t, s, &now) })
}

// A farm that the user did not allow is not asked for anything.
func farmNotAllowed(t *testing.T, s *remotefake.Server) {
	dev := newUser(t, developer(s.GRPC)).tree("farmed", farmed(s.GRPC, ""))
	dev.farm("not allowed", "1\n", 0)
	if n := s.Calls("GetCapabilities"); n > 0 {
		t.Errorf("%d calls to a server that the user did not allow", n)
	}
	if out, _, _ := dev.command(dev.root, "replibuild", "doctor"); !strings.Contains(out, "write execute = true in [remotes.") {
		t.Errorf("doctor: %s", out)
	}
}

// Objects of a farm are those of a build here, with debug information too, and the inputs of a
// unit count whether it was compiled there or here.
func farmMakesEqualObjects(t *testing.T, s *remotefake.Server) {
	dev := newUser(t, executor(s.GRPC)).tree("farmed", farmed(s.GRPC, "platform = { OSFamily = \"Linux\", Arch = \"amd64\" }\n"))
	dev.save("replibuild.toml", strings.Replace(dev.read("replibuild.toml"), "debug = false", "debug = true", 1))
	dev.farm("the first build", "1\n", 2).notice(t, "the first build", "")
	dev.save("include/v.h", "inline int v() { return __LINE__ + 4; }\n")
	dev.save("src/opt.h", "#define MORE 10\n")
	dev.farm("a header that was looked for", "15\n", 2)
	dev.save("src/v.h", "inline int v() { return 7; }\n")
	if b := dev.compile(); b.statuses["src/f.cpp"] != "compiled" {
		t.Errorf("a header before another: %s", b.text)
	}
	dev.right("a header before another", "17\n", objects...)
	var explained string
	for _, name := range []string{"src/a.cpp", "src/main.cpp"} {
		out, _, _ := dev.command(dev.root, "replibuild", "explain", name)
		explained += out
	}
	if !strings.Contains(explained, "compiled on the build farm "+s.GRPC) {
		t.Errorf("explain: %s", explained)
	}
	out, _, _ := dev.command(dev.root, "replibuild", "doctor")
	if !strings.Contains(out, s.GRPC+" answers in") || !strings.Contains(out, "executes commands: up to 16") {
		t.Errorf("doctor: %s", out)
	}
}

// What may differ on a worker without a sign of it is compiled here.
func farmGetsOnlyWhatIsEqual(t *testing.T, s *remotefake.Server) {
	dev := newUser(t, executor(s.GRPC)).tree("farmed", farmed(s.GRPC, ""))
	for _, c := range []struct{ name, text string }{
		{"the time", "int f() { return sizeof(__TIME__) - 8; }\n"},
		{"a file that the assembler reads", "asm(\".section .rodata\\nx: .incbin \\\"src/a.cpp\\\"\\n.text\\n\");\nint f() { return 1; }\n"},
		// A worker that links equal inputs to one file would not read the second.
		{"two headers with one content", "#define N a1\n#include \"one/x.h\"\n#undef N\n#define N b1\n#include \"two/x.h\"\nint f() { return a1 + b1 - 1; }\n"},
	} {
		dev.save("include/one/x.h", "#pragma once\nint N = 1;\n")
		dev.save("include/two/x.h", "#pragma once\nint N = 1;\n")
		dev.save("src/f.cpp", c.text)
		dev.farm(c.name, "1\n", 1, "src/f.cpp").notice(t, c.name, "")
	}
}

// Whatever a farm does, a build succeeds with the right objects, and says once why it compiled
// here.
func farmNeverFailsABuild(t *testing.T, s *remotefake.Server, now *atomic.Pointer[hooks]) {
	dev := newUser(t, executor(s.GRPC)).tree("farmed", farmed(s.GRPC, ""))
	header := sha256.Sum256([]byte(sources()["include/v.h"]))
	atExecute := func(do func() error) func(string) error {
		return func(call string) error {
			if call == "Execute" {
				return do()
			}
			return nil
		}
	}
	for _, c := range []struct {
		what, notice string
		hooks        hooks
		least        int
	}{
		{"a blob is lost", "", hooks{before: atExecute(func() error { now.Store(&hooks{}); s.Lose(header); return nil })}, 2},
		{"success without an output", "reported success and did not make out.o", hooks{executed: func(r *re.ActionResult) { r.OutputFiles = nil }}, 0},
		{"a worker that fails", "a worker failed to compile", hooks{executed: func(r *re.ActionResult) { r.ExitCode = 1 }}, 0},
		{"a lost worker", "reports an error: the worker is lost", hooks{before: atExecute(func() error { return status.Error(codes.Unavailable, "the worker is lost") })}, 0},
		{"a damaged result", "damaged content", hooks{executed: func(r *re.ActionResult) { r.OutputFiles[0].Digest.SizeBytes++ }}, 0},
	} {
		now.Store(&c.hooks)
		dev.farm(c.what, "1\n", c.least).notice(t, c.what, c.notice)
		now.Store(&hooks{})
	}
	dev.save("replibuild.toml", farmed(s.GRPC, "platform = { OSFamily = \"Plan9\" }\n")["replibuild.toml"])
	dev.farm("no such worker", "1\n", 0).notice(t, "no such worker", `no worker has OSFamily = "Plan9"`)
}

// With toolchain = "worker" a worker has to show that it has the compiler of this machine.
func TestFarmWithTheCompilerOfWorkers(t *testing.T) {
	t.Parallel()
	var wrong atomic.Bool
	s := remotefake.Start(t, remotefake.Options{Execution: true, Executed: func(r *re.ActionResult) {
		for _, f := range r.GetOutputFiles() {
			if wrong.Load() && f.GetPath() == "worker.sums" {
				f.Digest = r.GetOutputFiles()[0].GetDigest()
			}
		}
	}})
	dev := newUser(t, executor(s.GRPC)).tree("farmed", farmed(s.GRPC, "toolchain = \"worker\"\n"))
	dev.farm("the compiler of the worker", "1\n", 2).notice(t, "the compiler of the worker", "")
	wrong.Store(true)
	dev.farm("another compiler", "1\n", 0).notice(t, "another compiler", "the compiler of a worker is not the one of this machine")
}

package compilation

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// fixedSetup gives one plan.
type fixedSetup struct {
	ipc.Setup
	plan *ipc.Plan
	env  []string
	sent int
}

func (f *fixedSetup) Plan(_ context.Context, req ipc.PlanRequest) (ipc.PlanReply, error) {
	if req.Known == f.plan.ID {
		return ipc.PlanReply{ID: f.plan.ID, Unchanged: true, Env: f.env}, nil
	}
	f.sent++
	return ipc.PlanReply{ID: f.plan.ID, Plan: f.plan, Env: f.env}, nil
}

func TestPlainCompile(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-Iinclude", "-Ibuild/gen")
	p.write("api.txt", "")
	p.write("src/main.cpp", "#include <made.h>\nint f() { return LEVEL; }\n")
	p.write("src/other.c", "int g(void) { return 1; }\n")
	batch := p.batch("src/main.cpp")
	after := []string{"step:build/gen/made.h"}
	lib := ipc.Action{
		ID: "lib:src/main.cpp", Kind: ipc.ActionCompile, Target: "lib", Source: "src/main.cpp", After: after, Outputs: []string{"build/obj/lib/src/main.cpp.o"},
	}
	app := batch.Actions[0].Action
	app.After = after
	setup := &fixedSetup{env: p.env, plan: &ipc.Plan{
		ID: "1", Root: p.root, BuildDir: "build", Env: p.env, Toolchains: batch.Toolchains, Commands: batch.Commands,
		Actions: []ipc.Action{{
			ID: after[0], Kind: ipc.ActionCommand, Args: []string{"sh", "-c", "echo '#ifndef LEVEL\n#define LEVEL 1\n#endif' > build/gen/made.h"},
			Inputs: []string{"api.txt"}, Outputs: []string{"build/gen/made.h"},
		}, lib, app},
	}}
	p.cfg.Setup = setup
	compile := func(file string, flags ...string) ipc.CompileReply {
		t.Helper()
		reply, err := p.start().Compile(t.Context(), ipc.CompileRequest{File: file, Flags: flags})
		if err != nil || reply.Status == ipc.StatusFailed {
			t.Fatalf("%s %q: %+v, %v", file, flags, reply, err)
		}
		return reply
	}
	plain := compile("src/main.cpp")
	if plain.Object != "build/obj/app/src/main.cpp.o" || plain.Status != ipc.StatusCompiled || plain.File != "src/main.cpp" {
		t.Errorf("%+v", plain)
	}
	p.waitPast("build/gen/made.h")
	p.build("src/main.cpp")
	flagged := compile(p.root+"/src/../src/main.cpp", "-DLEVEL=3")
	if flagged.Object == plain.Object || !strings.HasPrefix(flagged.Object, "build/obj/_/app/") || p.read(flagged.Object) == p.read(plain.Object) {
		t.Errorf("%+v", flagged)
	}
	p.expect("the plan's", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	if again := compile("src/main.cpp", "-DLEVEL=3"); again.Status != ipc.StatusCached || again.Object != flagged.Object {
		t.Errorf("%+v", again)
	}
	if stray := compile("src/other.c", "-O1"); !strings.HasPrefix(stray.Object, "build/obj/_/") || p.read(stray.Object) == "" {
		t.Errorf("%+v", stray)
	}
	if setup.sent != 1 {
		t.Errorf("the plan travelled %d times", setup.sent)
	}
	reply, err := p.s.Compile(t.Context(), ipc.CompileRequest{File: "src/main.cpp", Flags: []string{"-DLEVEL=no"}})
	if err != nil || reply.Status != ipc.StatusFailed || !strings.Contains(reply.Diagnostics, "no") {
		t.Errorf("%+v, %v", reply, err)
	}
	if _, err := p.s.Compile(t.Context(), ipc.CompileRequest{}); ipc.CodeOf(err) != ipc.CodeBadRequest {
		t.Errorf("no file: %v", err)
	}
}

func TestPlainCompileNeedsSetup(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	if _, err := p.start().Compile(t.Context(), ipc.CompileRequest{File: "a.cpp"}); ipc.CodeOf(err) != ipc.CodeUnavailable {
		t.Error(err)
	}
}

func TestPlainObject(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tt := range []struct {
		target, file string
		flags        []string
		want         string
	}{
		{"_", "a.cpp", nil, "build/obj/_/a.cpp.o"},
		{"app", "src/a.cpp", []string{"-O2"}, ""},
		{"app", "src/a.cpp", []string{"-O", "2"}, ""},
		{"app", "/elsewhere/a.cpp", []string{"-O2"}, ""},
		{"_", "../a.cpp", nil, "build/obj/_/__/a.cpp.o"},
	} {
		got := plainObject("", tt.target, tt.file, tt.flags)
		if tt.want != "" && got != tt.want || seen[got] || slices.Contains(strings.Split(got, "/"), "..") {
			t.Errorf("%s %s %q: %s", tt.target, tt.file, tt.flags, got)
		}
		seen[got] = true
	}
}

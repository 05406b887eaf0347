package compilation

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// scanned are a unit of a project and what a scan of it found. The unit is compiled before.
func scanned(t *testing.T, p *project, source string) (w *work, unit *attempt, s *scan) {
	t.Helper()
	p.build(source)
	req := p.batch(source)
	_, w, end, err := p.s.newWork(t.Context(), req.Build, req.Root, req.Env, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	w.farm = &farmUse{dir: t.TempDir()}
	unit = w.newAttempt(newCompiler(&req, req.Commands[0]).unit(w, &req.Actions[0], false), nil)
	if s, err = w.scanSource(t.Context(), unit, p.path("out.o")); err != nil {
		t.Fatal(err)
	}
	return w, unit, s
}

// clangProject is a project with clang and sources in which names are looked for in all ways.
func clangProject(t *testing.T) *project {
	t.Helper()
	tool, ok := toolchains(t)["clang"]
	if !ok || tracerDir == "" {
		t.Skip("clang-19 is not installed, or cannot be traced")
	}
	p := newProject(t, tool)
	p.args = []string{"-std=c++17", "-O2", "-Wall", "-Ifirst", "-Isecond", "-isystem", "third", "-include", "forced.h"}
	p.write("forced.h", "#define FORCED 1\n")
	p.write("first/kept", "")
	p.write("second/a.h", "#pragma once\n#include_next <a.h>\n")
	p.write("third/a.h", "inline int a() { return 1; }\n")
	p.write("src/own.h", "#define NAME <a.h>\n#include NAME\n")
	p.write("src/a.cc", "#include \"own.h\"\n#include <string>\n#include <stdio.h>\n#if __has_include(\"never.h\")\n#include \"never.h\"\n#endif\nint forced = FORCED;\nint f() { int x; return a(); }\n")
	return p
}

// What a scan sees is what the compile sees: the same files, misses and facts. Otherwise a
// result of a farm could become stale.
func TestScanSeesWhatTheCompileSees(t *testing.T) {
	t.Parallel()
	p := clangProject(t)
	w, _, s := scanned(t, p, "src/a.cc")
	of := func(set snapshot.InputSet) (all []string) {
		for _, f := range set.Files {
			all = append(all, "file "+f.Path+" "+f.Digest.String())
		}
		for _, m := range set.Misses {
			all = append(all, "miss "+m)
		}
		for _, l := range set.Listings {
			// What was printed adds variables of the locale.
			if l.Match != snapshot.Variable || !slices.Contains(localeVariables, l.Dir) {
				all = append(all, "fact "+l.Dir+" "+l.Match+" "+l.Digest)
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	set, doubt := w.inputsOf(s.seen, s.since)
	if doubt != "" {
		t.Fatal(doubt)
	}
	compiled, scan := of(p.s.tables.Unpack(p.s.records.get("app:src/a.cc").Set)), of(set)
	for _, one := range compiled {
		if !slices.Contains(scan, one) {
			t.Errorf("the compile has %s", one)
		}
	}
	for _, one := range scan {
		if !slices.Contains(compiled, one) {
			t.Errorf("the scan has %s", one)
		}
	}
}

// A compiler that runs as on a worker finds its inputs by their names here, prints the same, and
// reads nothing else of the machine: a header that is there and no input cannot be found.
func TestCompileOnAWorkerSeesItsInputsOnly(t *testing.T) {
	t.Parallel()
	p := clangProject(t)
	w, _, s := scanned(t, p, "src/a.cc")
	command, err := w.forWorker(s.command, p.path("out.o"))
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := w.farmInputs(s)
	if err == nil {
		err = w.sameFiles(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	without := func(suffix string) (some []remotecache.Input) {
		return slices.DeleteFunc(slices.Clone(inputs), func(in remotecache.Input) bool { return suffix != "" && strings.HasSuffix(in.Name, suffix) })
	}
	printed, object, err := onWorker(t, s.command[0], command, without(""))
	want := p.s.records.get("app:src/a.cc")
	if err != nil || cache.HashBytes(object) != want.Outputs[0].Digest {
		t.Errorf("on a worker: %v, %s", err, printed)
	}
	if entry, _ := p.store.Get(want.Action); entry == nil || entry.Diagnostics != printed || !strings.Contains(printed, "unused variable 'x'") {
		t.Errorf("it prints %q", printed)
	}
	for _, header := range []string{"/third/a.h", "/include/stdio.h", "/forced.h"} {
		if printed, _, err := onWorker(t, s.command[0], command, without(header)); err == nil || !strings.Contains(printed, "file not found") {
			t.Errorf("without %s: %v, %s", header, err, printed)
		}
	}
}

// A farm that gives a wrong object is found out by the audit, as a remote cache is: the project
// uses it no more, and makes again what came from it.
func TestWrongObjectOfAFarm(t *testing.T) {
	t.Parallel()
	p := clangProject(t)
	p.cfg = Config{AuditEvery: 1, AuditIdle: time.Millisecond}
	p.build("src/a.cc")
	p.write("src/a.cc", p.read("src/a.cc")+"// edited\n")
	req := p.batch("src/a.cc")
	ctx, w, end, err := p.s.newWork(t.Context(), req.Build, req.Root, req.Env, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(end)
	t.Cleanup(end) // before the service is closed
	w.farm = &farmUse{dir: t.TempDir()}
	unit := w.newAttempt(newCompiler(&req, req.Commands[0]).unit(w, &req.Actions[0], false), p.s.records.get("app:src/a.cc"))
	unit.before = w.contentsOf(unit.action, unit.rec)
	out, err := w.openOutputs(ctx, unit)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.scanSource(ctx, unit, out.given)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out.path, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := w.finish(unit, product{output: out.path, seen: s.seen, since: s.since, origin: "compiled on the build farm grpc://h:1"}, out, w.whyMade(unit))
	out.close()
	if rec := p.s.records.get("app:src/a.cc"); r.Status != ipc.StatusCompiled || !rec.Remote || rec.Unsettled+rec.Uncacheable != "" || p.read("build/obj/app/src/a.cc.o") != "wrong" {
		t.Fatalf("%+v, %+v", r.ActionResult, rec)
	}
	end() // the audit begins
	testkit.Until(t, "the audit", func() bool { return p.s.tiers.remoteOff() != "" })
	if r := p.build("src/a.cc"); r.Status != ipc.StatusCompiled || p.read("build/obj/app/src/a.cc.o") == "wrong" {
		t.Errorf("the next build: %+v", r)
	}
}

// onWorker runs a command in a folder with its inputs.
func onWorker(t *testing.T, compiler string, c *farmCommand, inputs []remotecache.Input) (printed string, object []byte, err error) {
	t.Helper()
	dir := t.TempDir()
	for _, in := range inputs {
		file := filepath.Join(dir, in.Name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(in.Path) // a hard link would change the header of the system
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := overlay(inputs, "")
	if !json.Valid([]byte(text)) {
		t.Fatal(text)
	}
	if err := os.WriteFile(filepath.Join(dir, fileOfOverlay), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, c.args...)
	cmd.Dir, cmd.Env = dir, []string{}
	out, err := cmd.CombinedOutput()
	if err == nil {
		object, err = os.ReadFile(filepath.Join(dir, objectThere))
	}
	return string(out), object, err
}

// What a compiler is called with that means something else on a worker keeps the compile here.
func TestCallsThatStayHere(t *testing.T) {
	t.Parallel()
	p := clangProject(t)
	w := &work{root: p.root, view: snapshot.New(p.root, nil, snapshot.NewInterner(), snapshot.NewHashCache(nil))}
	if err := os.Symlink("first", p.path("link")); err != nil {
		t.Fatal(err)
	}
	base := []string{"clang", "-cc1", "-I", "first", "-o", "x.o", "a.cc"}
	for _, c := range []struct {
		why  string
		args []string
	}{
		{"", nil},
		{"-include-pch", []string{"-include-pch", "x.pch"}},
		{"-fmodule", []string{"-fmodule-file=x.pcm"}},
		{"by two names", []string{"-I", "link"}},
		{"where its compiler writes", []string{"-o", "x.o"}},
	} {
		_, err := w.forWorker(slices.Concat(base[:4], c.args, base[4:]), "x.o")
		if got := errorOf(err); c.why == "" && err != nil || !strings.Contains(got, c.why) {
			t.Errorf("%q: %q, want %q", c.args, got, c.why)
		}
	}
	for _, tool := range []ipc.Toolchain{{Family: "gcc"}, {Family: "clang"}} {
		k := &compiler{toolchain: tool, recipe: &recipe{Args: []string{"clang", "-fsanitize=address"}}}
		if k.staysHere() == "" {
			t.Errorf("%s -fsanitize=address goes to a farm", tool.Family)
		}
	}
}

func errorOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

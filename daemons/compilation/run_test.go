package compilation

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

func TestBadRequests(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	for name, change := range map[string]func(*ipc.RunRequest){
		"toolchain": func(r *ipc.RunRequest) { r.Commands[0].Toolchain = 1 },
		"command":   func(r *ipc.RunRequest) { r.Actions[0].Command = -1 },
		"no object": func(r *ipc.RunRequest) { r.Actions[0].Outputs = nil },
		"nul":       func(r *ipc.RunRequest) { r.Actions[0].Source = "a\x00b" },
	} {
		req := p.batch("main.cpp")
		change(&req)
		if _, err := p.run(t.Context(), req); ipc.CodeOf(err) != ipc.CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, err := p.run(t.Context(), p.batch()); err != nil || len(out) != 0 {
		t.Errorf("empty batch: %v, %v", out, err)
	}
}

// Units start in the order given, and no more at a time than the request allows.
func TestBatchOrderAndJobs(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.cfg.Jobs = 4
	var sources []string
	for i := range 6 {
		sources = append(sources, fmt.Sprintf("s%d.cpp", i))
		p.write(sources[i], fmt.Sprintf("int f%d;\n", i))
	}
	p.wrap(`mkdir $PWD/busy || touch $PWD/two; $real "$@"; rmdir $PWD/busy`)
	req := p.batch(sources...)
	req.Jobs = 1
	var started []string
	_, err := p.start().Run(t.Context(), req, func(b ipc.RunProgress) { started = append(started, b.Started...) })
	if err != nil || len(started) != 6 {
		t.Fatalf("%q, %v", started, err)
	}
	if ipc.StatSignature(p.path("two")).Exists() {
		t.Error("two at a time")
	}
	for i, id := range started {
		if id != "app:"+sources[i] {
			t.Errorf("order %q", started)
			break
		}
	}
}

// A unit is not overtaken because it takes longer to find out that it must be compiled.
func TestBatchOrderOfSlowLookups(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.cfg.Jobs = 1
	var includes strings.Builder
	for i := range 400 {
		p.write(fmt.Sprintf("h%d.h", i), "\n")
		fmt.Fprintf(&includes, "#include \"h%d.h\"\n", i)
	}
	sources := []string{"many.cpp"}
	p.write(sources[0], includes.String()+"int many;\n")
	for i := range 10 {
		sources = append(sources, fmt.Sprintf("s%d.cpp", i))
		p.write(sources[1+i], fmt.Sprintf("int f%d;\n", i))
	}
	req := p.batch(sources...)
	if out, err := p.run(t.Context(), req); err != nil || len(out) != len(sources) {
		t.Fatalf("%v, %v", out, err)
	}
	p.write("h399.h", "int last;\n")
	for _, s := range sources[1:] {
		p.write(s, "long other;\n")
	}
	p.ready()
	var started []string
	_, err := p.start().Run(t.Context(), req, func(b ipc.RunProgress) { started = append(started, b.Started...) })
	if err != nil || len(started) != len(sources) {
		t.Fatalf("%q, %v", started, err)
	}
	if started[0] != "app:many.cpp" {
		t.Errorf("order %q", started)
	}
}

// Only so many run at a time as memory allows.
func TestMemoryAdmission(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.cfg.Jobs, p.cfg.MaxMemory = 4, 1000<<20
	var sources []string
	for i := range 4 {
		sources = append(sources, fmt.Sprintf("s%d.cpp", i))
		p.write(sources[i], fmt.Sprintf("int f%d;\n", i))
	}
	p.wrap(`mkdir $PWD/busy || touch $PWD/two; $real "$@"; rmdir $PWD/busy`)
	req := p.batch(sources...)
	for i := range req.Actions {
		req.Actions[i].ExpectedPeak = 600 << 20
	}
	out, err := p.run(t.Context(), req)
	if err != nil || len(out) != 4 {
		t.Fatalf("%v, %v", out, err)
	}
	if ipc.StatSignature(p.path("two")).Exists() {
		t.Error("two at a time, of 600 MB each where 1000 are allowed")
	}
}

// Where three take more memory than was expected of them and may be taken, the youngest
// gives way, is run again when there is room, and no unit fails.
func TestGiveWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what a process and its descendants take")
	}
	t.Parallel()
	p := anyCompiler(t)
	p.depfile = true // a trace shows that the wrapper reads what it has just written
	p.cfg.Jobs, p.cfg.MaxMemory = 3, 60<<20
	sources := []string{"a.cpp", "b.cpp", "c.cpp"}
	for _, source := range sources {
		p.write(source, "int "+source[:1]+";\n")
	}
	// Once three run each takes 30 MB, and none goes on while they do.
	p.wrap(`alive() { n=0; for f in $PWD/pid.*; do kill -0 ${f##*.} && n=$((n+1)); done 2>/dev/null; }
		touch $PWD/pid.$$
		until [ -e $PWD/three ]; do alive; [ $n -ge 3 ] && touch $PWD/three; sleep 0.01; done
		held=$(head -c 30000000 /dev/zero | tr '\0' x)
		alive; while [ $n -ge 3 ]; do sleep 0.01; alive; done
		$real "$@"`)
	req := p.batch(sources...)
	for i := range req.Actions {
		req.Actions[i].ExpectedPeak = 1 << 20
	}
	started := 0
	out, err := p.start().Run(t.Context(), req, func(b ipc.RunProgress) { started += len(b.Started) })
	if err != nil || out.Compiled != 3 || out.Failed != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if started < 4 {
		t.Errorf("%d processes were started, so none gave way", started)
	}
}

// BenchmarkInPlace is a batch of 1,000 units with 300 inputs and 600 misses each, of
// which nothing has to be made.
func BenchmarkInPlace(b *testing.B) {
	root := b.TempDir()
	s, err := New(Config{Root: root, Store: cache.Open(b.TempDir(), cache.Options{})})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	req := benchmarkBatch(b, s, root)
	b.ResetTimer()
	for b.Loop() {
		reply, err := s.Run(b.Context(), req, func(ipc.RunProgress) {})
		if err != nil || reply.Cached != len(req.Actions) {
			b.Fatalf("%+v, %v", reply, err)
		}
	}
}

// benchmarkBatch makes records as if all units had been compiled.
func benchmarkBatch(b *testing.B, s *Service, root string) ipc.RunRequest {
	const units, headers, misses = 1000, 300, 600
	write := func(name string) cache.Input {
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o644); err != nil {
			b.Fatal(err)
		}
		return cache.Input{Path: name, Digest: cache.HashBytes([]byte(name))}
	}
	var shared snapshot.InputSet
	for i := range headers {
		shared.Files = append(shared.Files, write(fmt.Sprintf("h%d.h", i)))
	}
	for i := range misses {
		shared.Misses = append(shared.Misses, fmt.Sprintf("first/h%d.h", i))
	}
	req := ipc.RunRequest{
		Root: root, BuildDir: "build", Toolchains: []ipc.Toolchain{{CXX: "/bin/c++"}}, Commands: []ipc.Command{{Lang: "c++", Args: []string{"-O2"}}},
	}
	k := newCompiler(&req, req.Commands[0])
	for i := range units {
		source := fmt.Sprintf("s%d.cpp", i)
		u := ipc.Action{ID: source, Kind: ipc.ActionCompile, Source: source, Outputs: []string{fmt.Sprintf("s%d.o", i)}}
		req.Actions = append(req.Actions, ipc.RunAction{Action: u})
		set := shared
		set.Files = append(slices.Clone(shared.Files), write(source))
		object := write(u.Output())
		s.records.put(u.ID, &record{Recipe: k.recipeID, Set: s.tables.Pack(set), Outputs: []outputRecord{{
			Path: u.Output(), Sig: outputSignature(filepath.Join(root, u.Output())), Digest: object.Digest,
		}}}, k.recipe)
	}
	return req
}

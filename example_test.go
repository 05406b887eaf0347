package replibuild_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// tinyProject writes a project of one file into a temporary folder, with an
// environment of its own: nothing of the caller's RepliBuild is touched.
func tinyProject() (p *replibuild.Project, remove func()) {
	dir, err := os.MkdirTemp("", "replibuild-example-")
	if err != nil {
		panic(err)
	}
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
	write("replibuild.toml", "[project]\nname = \"tiny\"\n")
	write("src/main.cpp", "int main() { return 0; }\n")
	env := append(os.Environ(), "REPLIBUILD_HOME="+filepath.Join(dir, "home"))
	p, err = replibuild.Open(dir, replibuild.Options{Env: env})
	if err != nil {
		panic(err)
	}
	return p, func() { os.RemoveAll(dir) }
}

// A build that prints how every unit ended, then one with nothing to do.
func ExampleProject_Compile() {
	p, remove := tinyProject()
	defer remove()
	options := replibuild.CompileOptions{
		NoDaemon: true,
		OnEvent: func(e ipc.Event) {
			if unit, ok := e.Body.(ipc.UnitFinished); ok {
				fmt.Println(unit.File, unit.Status)
			}
		},
	}
	for range 2 {
		result, err := p.Compile(context.Background(), options)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("ok:", result.Success, "compiled:", result.Compiled, "cached:", result.Cached)
	}
	// Output:
	// src/main.cpp compiled
	// ok: true compiled: 1 cached: 0
	// ok: true compiled: 0 cached: 1
}

// The plan says how every file is compiled.
func ExampleProject_Plan() {
	p, remove := tinyProject()
	defer remove()
	plan, err := p.Plan(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for u := range plan.Units() {
		fmt.Println(u.Source, "->", u.Output())
	}
	for _, t := range plan.Targets {
		fmt.Println(t.Kind, t.Output)
	}
	// Output:
	// src/main.cpp -> build/obj/tiny/src/main.cpp.o
	// executable build/tiny
}

// Why a file was compiled, from recorded facts.
func ExampleProject_Explain() {
	p, remove := tinyProject()
	defer remove()
	ctx := context.Background()
	if _, err := p.Compile(ctx, replibuild.CompileOptions{NoDaemon: true}); err != nil {
		fmt.Println(err)
		return
	}
	reply, err := p.Explain(ctx, "src/main.cpp")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reply.Kind, reply.Records[0].Status, reply.Records[0].Reason.Code)
	// Output:
	// unit compiled new
}

// The cache's numbers, and the state of the daemons, need no daemon.
func ExampleProject_CacheStats() {
	p, remove := tinyProject()
	defer remove()
	ctx := context.Background()
	if _, err := p.Compile(ctx, replibuild.CompileOptions{NoDaemon: true}); err != nil {
		fmt.Println(err)
		return
	}
	stats, err := p.CacheStats(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("hits:", stats.Hits, "stored:", stats.Stored > 0)
	for _, d := range p.Status(ctx).Daemons {
		fmt.Println(d.Name, d.State)
	}
	// Output:
	// hits: 0 stored: true
	// discovery stopped
	// setup stopped
	// compilation stopped
	// orchestrator stopped
}

// The specification's session in Go. It starts daemons, so it is shown, not run;
// the scripts in cmd/replibuild/testdata run the same through the command line.
func Example() {
	ctx := context.Background()
	set, err := replibuild.StartDaemons(ctx, "/path/to/project")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range set {
		fmt.Println(d.Name, d.PID)
	}
	result, err := replibuild.Compile(ctx, "/path/to/project", replibuild.CompileOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Success)
	if ok, err := replibuild.EnsureDaemons(ctx, "/path/to/project"); !ok {
		fmt.Println("Warning: Some daemons failed to restart", err)
	}
	replibuild.StopDaemons(ctx, "/path/to/project")
}

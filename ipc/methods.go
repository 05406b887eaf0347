package ipc

import (
	"context"
	"os"
	"path/filepath"
)

// The tables of what each daemon answers. What the server itself answers for all
// four is in [commonMethods].

func discoveryMethods() []method[Discovery] {
	return []method[Discovery]{
		unary("sync", "Waits until every change made before has been seen, and says what is dirty.", Discovery.Sync),
		unary("changes", "Returns what changed since a generation.", Discovery.Changes),
		unary("record", "Takes the inputs and outputs of finished nodes.", Discovery.Record),
		unary("dependents", "Names the nodes that read a file.", Discovery.Dependents).plain(),
		unary("rescan", "Looks at every tracked file.", Discovery.Rescan),
	}
}

func setupMethods() []method[Setup] {
	return []method[Setup]{
		unary("plan", "Returns the plan for an environment.", Setup.Plan),
		unary("validate", "Reports every mistake in the configuration.", Setup.Validate),
		unary("toolchain", "Describes the compilers that a plan would use.", Setup.Toolchain),
		unary("modules", "Lists the modules that can be found.", Setup.Modules),
	}
}

func compilationMethods() []method[Compilation] {
	return []method[Compilation]{
		unary("compile", "Compiles one file of the project; `flags` are appended to the plan's.", Compilation.Compile).plainIf(checkPlainCompile),
		streaming("run", "Brings actions up to date, and reports them as they start and finish.", Compilation.Run),
		unary("cancel", "Stops what runs for a build.", Compilation.Cancel),
		unary("cache_stats", "Returns the cache's numbers.", Compilation.CacheStats).plain().idle(),
		unary("cache_share", "Finishes storing what may serve in other folders, and says what became of it.", Compilation.CacheShare),
		unary("cache_clear", "Empties the cache; the token undoes it for some seconds.", Compilation.CacheClear),
		unary("cache_restore", "Undoes a clear.", Compilation.CacheRestore),
		unary("cache_verify", "Reads entries back and deletes the damaged ones; with a plan, compiles again and compares.", Compilation.CacheVerify),
		unary("inputs", "Says what the files that units read cost.", Compilation.Inputs),
		unary("doubts", "Says which results are made again by each build, and why.", Compilation.Doubts),
		unary("launches", "Tells what became of launched commands.", Compilation.Launches).idle(),
	}
}

func orchestratorMethods() []method[Orchestrator] {
	return []method[Orchestrator]{
		streaming("build", "Brings targets up to date, and reports what happens.", Orchestrator.Build),
		streaming("announce", "Shows a build that another process makes, until it ends.", Orchestrator.Announce),
		unary("report", "Brings the events of an announced build.", Orchestrator.Report),
		unary("cancel", "Stops a running or waiting build.", Orchestrator.Cancel),
		unary("queue", "Tells what runs and what waits.", Orchestrator.Queue).plain().idle(),
		unary("status", "Tells the state of the whole set.", Orchestrator.SetStatus).plain().idle(),
		unary("restart", "Restarts daemons of the set.", Orchestrator.Restart),
		unary("history", "Returns past builds, newest first.", Orchestrator.History).plain().idle(),
		unary("explain", "Says why a file or target was last made.", Orchestrator.Explain),
		unary("graph", "Shows the includes below a file, with what each costs.", Orchestrator.Graph),
		subscription(Orchestrator.Subscribe),
	}
}

// DiscoveryHandlers offers a discovery service.
func DiscoveryHandlers(s Discovery) Handlers { return bindAll(discoveryMethods(), s) }

// SetupHandlers offers a setup service.
func SetupHandlers(s Setup) Handlers { return bindAll(setupMethods(), s) }

// CompilationHandlers offers a compilation service.
func CompilationHandlers(s Compilation) Handlers { return bindAll(compilationMethods(), s) }

// OrchestratorHandlers offers an orchestrator.
func OrchestratorHandlers(s Orchestrator) Handlers { return bindAll(orchestratorMethods(), s) }

// proofMethods are handled by the connection, which keeps what they prove.
func proofMethods() []Method {
	hello := unary("hello", "Opens the proof of identity.",
		func(struct{}, context.Context, helloRequest) (helloReply, error) { return helloReply{}, nil })
	prove := unary("prove", "Ends it: from now on every action is open.",
		func(struct{}, context.Context, proveRequest) (proveReply, error) { return proveReply{}, nil })
	return []Method{hello.Method, prove.Method}
}

// checkPlainCompile keeps an unproved compile inside the project: the file by name
// and after following links, the flags by [AllowedFlags].
func checkPlainCompile(root string, request any) error {
	req := request.(*CompileRequest)
	if err := AllowedFlags(req.Flags); err != nil {
		return err
	}
	outside := Errorf(CodeUnauthorized, "%s is not a file of the project %s", req.File, root)
	path := req.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	if req.File == "" || meansMore(req.File) || !isBeneath(root, filepath.Clean(path)) {
		return outside
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return outside
	}
	real, err := filepath.EvalSymlinks(path)
	if os.IsNotExist(err) {
		return Errorf(CodeUnknownFile, "%s does not exist", req.File)
	}
	if err != nil || !isBeneath(realRoot, real) {
		return outside
	}
	return nil
}

func isBeneath(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// failure says that a compile was answered and the compiler said no: "ok" is false
// on the wire then, with the whole reply beside "error".
func (r CompileReply) failure() *Error {
	if r.Status != StatusFailed {
		return nil
	}
	return Errorf(CodeBuildFailed, "%s: the compiler reported errors", r.File)
}

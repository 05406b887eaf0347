package ipc

import "context"

// Setup turns replibuild.toml, module files, pkg-config and the compilers found
// into a [Plan].
type Setup interface {
	// Plan returns the plan for a caller's environment, from its cache while
	// nothing that it depends on has changed. Mistakes come as one [Error] with
	// CodeConfig and all Problems.
	Plan(context.Context, PlanRequest) (PlanReply, error)
	// Validate reports every mistake in the configuration and makes no plan.
	Validate(context.Context, ValidateRequest) (ValidateReply, error)
	// Toolchain describes the compilers that a plan would use.
	Toolchain(context.Context, ToolchainRequest) (ToolchainReply, error)
	// Modules lists the modules that can be found, and how the project's resolve.
	Modules(context.Context, ModulesRequest) (ModulesReply, error)
}

// PlanRequest carries the caller's whole environment, KEY=VALUE. A nil Env means that of
// the last request, else a bare PATH.
type PlanRequest struct {
	Env   []string `json:"env,omitempty"`
	Known string   `json:"known,omitempty"` // the ID of a plan the caller holds
	// Explain asks for a plan that is not built: of a folder with a build.ninja it has the
	// compiles alone.
	Explain bool `json:"explain,omitempty"`
}

// PlanReply is the plan, or Unchanged if it is the one that the caller holds.
type PlanReply struct {
	ID        string `json:"plan_id"`
	Unchanged bool   `json:"unchanged,omitempty"`
	Plan      *Plan  `json:"plan,omitempty"`
	// Env is the environment that was used, if the request has none.
	Env []string `json:"env,omitempty"`
}

// ValidateRequest asks about the project's files as they are now.
type ValidateRequest struct {
	Env []string `json:"env,omitempty"`
}

// ValidateReply lists every mistake; none means that Plan will succeed unless
// files change.
type ValidateReply struct {
	Problems []Problem `json:"problems"`
	Files    []string  `json:"files"` // the configuration files read
}

// ToolchainRequest asks for the toolchain of a caller's environment.
type ToolchainRequest struct {
	Env []string `json:"env,omitempty"`
	// Compiler asks for that driver, a path or a name on the PATH, in place of the
	// project's: such as the compiler of a build.ninja.
	Compiler string `json:"compiler,omitempty"`
	// Archiver asks for that archiver in place of a compiler. The reply has one toolchain,
	// with AR, Programs and Identity only.
	Archiver string `json:"archiver,omitempty"`
}

// ToolchainReply lists the toolchains of the project's targets, the first is the
// default one.
type ToolchainReply struct {
	Toolchains []Toolchain `json:"toolchains"`
}

// ModulesRequest asks for modules.
type ModulesRequest struct {
	Env []string `json:"env,omitempty"`
}

// ModulesReply lists what can be found and what the project uses.
type ModulesReply struct {
	Modules []Module `json:"modules"`
}

// Module is one module description.
type Module struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"` // found version, "" if unknown
	Source  string   `json:"source"`            // path of the description, "built-in" or "pkg-config"
	Used    bool     `json:"used"`              // by this project
	By      []string `json:"by,omitempty"`      // what asks for it
	Flags   []string `json:"flags,omitempty"`
	Libs    []string `json:"libs,omitempty"`
}

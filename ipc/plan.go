package ipc

import (
	"iter"
	"reflect"
)

// Plan is the graph of all commands of a project. Setup makes it; no other service reads
// replibuild.toml. All paths inside are relative to Root with forward slashes unless they
// lie outside it, then absolute.
type Plan struct {
	ID       string `json:"id"`      // hex SHA-256 of all that follows but Track and Notices
	Project  string `json:"project"` // [project] name
	Version  string `json:"version,omitempty"`
	Root     string `json:"root"`      // absolute, symlinks resolved; every command runs here
	BuildDir string `json:"build_dir"` // "build"
	// Env is the variables that the plan depends on, KEY=VALUE, sorted. Commands get the
	// whole environment of who asks for a build.
	Env []string `json:"env"`
	// WholeEnvironment says that the plan depends on all variables but those of the
	// session: a compiler is a script, or another program that may read any of them.
	WholeEnvironment bool        `json:"whole_environment,omitempty"`
	Toolchains       []Toolchain `json:"toolchains"`
	Commands         []Command   `json:"commands"`       // argument lists that actions share
	Actions          []Action    `json:"actions"`        // an action comes after those that it needs
	Targets          []Target    `json:"targets"`        // a target comes after those it depends on
	Jobs             int         `json:"jobs,omitempty"` // num_jobs; 0 = the daemon's parallel_jobs
	Sharing          Sharing     `json:"sharing,omitzero"`
	// DebugRoot is the name that debug information has for Root, "" = Root itself.
	DebugRoot string   `json:"debug_root,omitempty"`
	Track     Track    `json:"track"` // what the plan itself was made from
	Notices   []string `json:"notices,omitempty"`
}

// Sharing is how far results may be used beyond the project's own cache, as its file says. The
// user's own file may allow more.
type Sharing struct {
	Shared bool `json:"shared,omitempty"` // in the store of this user's projects and worktrees
	// Roots are further folders whose names must not matter: the source folder of a build
	// folder. Absolute, symlinks resolved.
	Roots []string `json:"roots,omitempty"`
}

// Toolchain is one compiler with what belongs to it. Paths are absolute.
type Toolchain struct {
	Family     string `json:"family"` // "clang" or "gcc"
	CC         string `json:"cc"`     // compiles and links C
	CXX        string `json:"cxx"`    // compiles and links C++
	AR         string `json:"ar"`
	Linker     string `json:"linker,omitempty"` // "mold", "lld" or "" for the compiler's default
	LinkerPath string `json:"linker_path,omitempty"`
	Version    string `json:"version"` // as the compiler prints it, first line
	Triple     string `json:"triple"`  // target triple
	// Programs are the files (links resolved) of the compilers, assemblers, linkers and
	// archivers themselves: their results depend only on the content of files and the
	// names in folders. A wrapper is none of them.
	Programs []string `json:"programs,omitempty"`
	Identity string   `json:"identity"` // hex SHA-256 over the content of driver, real compiler, assembler, linker, resource headers and the libraries they load
}

// Equal reports whether two toolchains are the same in everything.
func (t Toolchain) Equal(other Toolchain) bool { return reflect.DeepEqual(t, other) }

// Command is what actions of one target and language share: the argument list without
// the driver and without files. See [Plan.Line].
type Command struct {
	Toolchain int    `json:"toolchain"` // index into Plan.Toolchains
	Lang      string `json:"lang"`      // "c" or "c++": which driver of the toolchain runs; "" for the archiver
	// Args of an archive are the archiver's operation; without one it is archiveFlags.
	Args []string `json:"args"`
	Libs []string `json:"libs,omitempty"` // of a link: what comes after its inputs, -lz …
}

// Kinds of an [Action].
const (
	ActionCompile = "compile" // Source to Outputs[0]
	ActionArchive = "archive" // Inputs to a static library
	ActionLink    = "link"    // Inputs to an executable or shared library
	ActionCommand = "command" // any other program, such as that of a [[generate]] step
	ActionPhony   = "phony"   // runs nothing: it stands for the actions that it comes after
)

// Action is one command of the plan. An action comes after those that make its Source or
// one of its Inputs, and after those in After.
type Action struct {
	// ID is "TARGET:SOURCE" of a compile, "link:TARGET" of an archive or link,
	// "step:FIRST-OUTPUT" of a step; also the ID of its [NodeRecord].
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Target  string   `json:"target,omitempty"`  // the target that it belongs to
	Command int      `json:"command,omitempty"` // of a compile, archive or link: index into Plan.Commands
	Args    []string `json:"args,omitempty"`    // of a command: the program and its arguments; no shell
	Source  string   `json:"source,omitempty"`  // of a compile
	Inputs  []string `json:"inputs,omitempty"`  // declared inputs, in order
	After   []string `json:"after,omitempty"`   // IDs of actions that come first and make none of the inputs
	Outputs []string `json:"outputs,omitempty"` // declared outputs, the main one first
	// Reuse says how far the result of a command of another build system may be used again,
	// "" of ours: it is stored.
	Reuse string `json:"reuse,omitempty"`
	// Depfile is an output of such a command that the build system removes when it has read it.
	Depfile string `json:"depfile,omitempty"`
}

// Values of [Action] Reuse. Such a command may make none of its outputs, or a folder or link in
// place of one. The result is not used again then.
const (
	ReuseInPlace = "in_place" // it is not run if its outputs and all that it read are as they were
	ReuseStored  = "stored"   // the same, and it is stored: its programs make the same each time
)

// Output is the main output, "" of a phony action.
func (a Action) Output() string {
	if len(a.Outputs) == 0 {
		return ""
	}
	return a.Outputs[0]
}

// Links reports whether the action makes the output of a target.
func (a Action) Links() bool { return a.Kind == ActionLink || a.Kind == ActionArchive }

// Reads yields the declared inputs, the source of a compile first.
func (a Action) Reads() iter.Seq[string] {
	return func(yield func(string) bool) {
		if a.Source != "" && !yield(a.Source) {
			return
		}
		for _, in := range a.Inputs {
			if !yield(in) {
				return
			}
		}
	}
}

// Kinds of a target.
const (
	KindExecutable = "executable"
	KindStatic     = "static"
	KindShared     = "shared"
)

// Target is something that a project builds. The action [LinkID] makes its output.
type Target struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Output  string   `json:"output"` // path of what is made
	Depends []string `json:"depends,omitempty"`
}

// LinkID is the ID of the action that makes a target's output.
func LinkID(target string) string { return "link:" + target }

// Unit returns the compile with that ID, or nil.
func (p *Plan) Unit(id string) *Action {
	if a := p.Action(id); a != nil && a.Kind == ActionCompile {
		return a
	}
	return nil
}

// Action returns the action with that ID, or nil.
func (p *Plan) Action(id string) *Action {
	for i := range p.Actions {
		if p.Actions[i].ID == id {
			return &p.Actions[i]
		}
	}
	return nil
}

// Units yields the compiles in plan order.
func (p *Plan) Units() iter.Seq[*Action] { return p.ofKind(ActionCompile) }

// Steps yields the commands in plan order.
func (p *Plan) Steps() iter.Seq[*Action] { return p.ofKind(ActionCommand) }

func (p *Plan) ofKind(kind string) iter.Seq[*Action] {
	return func(yield func(*Action) bool) {
		for i := range p.Actions {
			if p.Actions[i].Kind == kind && !yield(&p.Actions[i]) {
				return
			}
		}
	}
}

// CountUnits is the number of compiles.
func (p *Plan) CountUnits() (n int) {
	for range p.Units() {
		n++
	}
	return n
}

// Target returns the target with that name, or nil.
func (p *Plan) Target(name string) *Target {
	for i := range p.Targets {
		if p.Targets[i].Name == name {
			return &p.Targets[i]
		}
	}
	return nil
}

// Line returns the exact command of an action, the program first.
func (p *Plan) Line(a *Action) []string {
	if a.Kind == ActionCommand || a.Kind == ActionPhony {
		return a.Args
	}
	c := p.Commands[a.Command]
	return c.Line(p.Toolchains[c.Toolchain], a, a.Output())
}

// archiveFlags: append without looking (the archive is new), make the index, say
// nothing, and leave out dates and owners so that equal members make equal archives.
const archiveFlags = "qcsD"

// Line returns the exact command that makes the output of a compile, archive or link.
func (c Command) Line(t Toolchain, a *Action, output string) []string {
	line := append([]string{c.Program(t)}, c.Args...)
	switch a.Kind {
	case ActionCompile:
		return append(line, "-c", a.Source, "-o", output)
	case ActionArchive:
		if len(c.Args) == 0 {
			line = append(line, archiveFlags)
		}
		return append(append(line, output), a.Inputs...)
	}
	line = append(append(line, "-o", output), a.Inputs...)
	return append(line, c.Libs...)
}

// Program is the program of a toolchain that the command runs.
func (c Command) Program(t Toolchain) string {
	switch c.Lang {
	case "":
		return t.AR
	case "c":
		return t.CC
	}
	return t.CXX
}

package ipc

import "reflect"

// Plan says how every file of a project is compiled and every target linked. Setup
// makes it; nobody else knows replibuild.toml. All paths inside are relative to
// Root with forward slashes unless they lie outside it, then absolute.
type Plan struct {
	ID         string      `json:"id"`      // hex SHA-256 of all that follows but Track and Notices
	Project    string      `json:"project"` // [project] name
	Version    string      `json:"version,omitempty"`
	Root       string      `json:"root"`      // absolute, symlinks resolved; every command runs here
	BuildDir   string      `json:"build_dir"` // "build"
	Env        []string    `json:"env"`       // KEY=VALUE, sorted: the whole environment of compilers, linkers and steps
	Toolchains []Toolchain `json:"toolchains"`
	Commands   []Command   `json:"commands"` // argument lists that units share
	Steps      []Step      `json:"steps"`    // [[generate]], in order of need
	Targets    []Target    `json:"targets"`  // a target comes after those it depends on
	Units      []Unit      `json:"units"`
	Jobs       int         `json:"jobs,omitempty"` // num_jobs; 0 = the daemon's parallel_jobs
	Track      Track       `json:"track"`          // what the plan itself was made from
	Notices    []string    `json:"notices,omitempty"`
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

// Command is the argument list that units of one target and language share,
// without the driver, "-c", the source and "-o OBJECT".
type Command struct {
	Toolchain int      `json:"toolchain"` // index into Plan.Toolchains
	Lang      string   `json:"lang"`      // "c" or "c++"
	Args      []string `json:"args"`
}

// Unit is one source file of one target. Its exact command line is
// driver, Args of its Command, "-c", Source, "-o", Object.
type Unit struct {
	ID      string `json:"id"` // "TARGET:SOURCE"; also the ID of its [Node]
	Target  string `json:"target"`
	Source  string `json:"source"`
	Object  string `json:"object"`
	Command int    `json:"command"` // index into Plan.Commands
}

// Kinds of a target.
const (
	KindExecutable = "executable"
	KindStatic     = "static"
	KindShared     = "shared"
)

// Target is something that a project builds. An executable or shared library is
// linked by: driver of the toolchain (CXX if LinkLang is "c++"), LinkFlags, "-o",
// Output, the objects of its units in plan order, LinkInputs, Libs. A static
// library is an archive of its units' objects.
type Target struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Output     string   `json:"output"` // path of what is made
	Depends    []string `json:"depends,omitempty"`
	Toolchain  int      `json:"toolchain"`
	LinkLang   string   `json:"link_lang"`             // "c" or "c++"
	LinkFlags  []string `json:"link_flags,omitempty"`  // before the objects: -shared, -fuse-ld, -L, rpath, user flags
	LinkInputs []string `json:"link_inputs,omitempty"` // outputs of targets depended on, transitively, in link order
	Libs       []string `json:"libs,omitempty"`        // after the objects: -lz …
}

// Step is a [[generate]] step. Its command runs in Root without a shell; outputs
// that it does not change keep their old time stamps' meaning: nothing downstream
// runs because of them.
type Step struct {
	ID      string   `json:"id"` // "step:FIRST-OUTPUT"
	Command []string `json:"command"`
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"` // beneath BuildDir/gen
}

// Unit returns the unit with that ID, or nil.
func (p *Plan) Unit(id string) *Unit {
	for i := range p.Units {
		if p.Units[i].ID == id {
			return &p.Units[i]
		}
	}
	return nil
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

// CommandLine returns the exact command that compiles u, driver first.
func (p *Plan) CommandLine(u *Unit) []string {
	c := p.Commands[u.Command]
	t := p.Toolchains[c.Toolchain]
	return c.Line(t, u.Source, u.Object)
}

// Line returns the exact command that compiles source into object with c.
func (c Command) Line(t Toolchain, source, object string) []string {
	driver := t.CXX
	if c.Lang == "c" {
		driver = t.CC
	}
	line := make([]string, 0, len(c.Args)+5)
	line = append(line, driver)
	line = append(line, c.Args...)
	return append(line, "-c", source, "-o", object)
}

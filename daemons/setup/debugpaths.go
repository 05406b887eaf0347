package setup

import "strings"

// Values of compilation.debug_paths.
const (
	debugPathsPlain  = "plain"  // debug information names the project's folder
	debugPathsShared = "shared" // it names a folder that is the same for all worktrees
)

// debugRoots begins the name that debug information has for a project's folder with
// debug_paths = "shared". There is no such folder: debuggers are told where it is. (A
// relative name would not do: gdb does not find the sources of a build in a folder of its own
// by it.)
const debugRoots = "/_/"

// debugRoot is the name of this project's folder there, "" if it has its own name. Both
// compilers cut the flag for it at the first "=".
func (p *planner) debugRoot() string {
	if p.project.debugPaths.text != debugPathsShared || strings.Contains(p.root, "=") {
		return ""
	}
	return debugRoots + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			return c
		}
		return '_'
	}, p.projectName())
}

// debugPathArgs hide the project's folder from what a compiler writes.
func (p *planner) debugPathArgs() []string {
	root := p.debugRoot()
	if root == "" {
		return nil
	}
	return []string{"-ffile-prefix-map=" + p.root + "=" + root}
}

package setup

import (
	"strings"
)

// Values of cache.debug_paths.
const (
	debugPathsPlain  = "plain"  // debug information names the project's folder
	debugPathsShared = "shared" // it names a folder that is the same for all worktrees
)

// debugRoot begins the name that debug information has for a project's folder with
// debug_paths = "shared". There is no such folder: debuggers are told where it is. (A
// relative name would not do: gdb does not find the sources of a build in a folder of its own
// by it.)
const debugRoot = "/_/"

// DebugRoot is the name that debug information has for the folder of a project of that name.
func DebugRoot(project string) string {
	return debugRoot + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			return c
		}
		return '_'
	}, project)
}

// debugPathArgs hide the project's folder from what a compiler writes. Both compilers cut the
// flag at its first "=".
func (p *planner) debugPathArgs() []string {
	if p.project.debugPaths.text != debugPathsShared || strings.Contains(p.root, "=") {
		return nil
	}
	return []string{"-ffile-prefix-map=" + p.root + "=" + DebugRoot(p.projectName())}
}

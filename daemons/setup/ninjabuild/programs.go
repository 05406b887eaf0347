package ninjabuild

import (
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/ipc"
)

// Programs returns the programs that the build.ninja in dir links, by the names of their
// targets: paths relative to dir. It knows the rules of CMake and Meson.
func Programs(dir string) (map[string]string, error) {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for _, e := range g.Edges {
		if !linksProgram(e) {
			continue
		}
		out := e.Outputs[0]
		programs[targetOf(out)] = out.Path
	}
	return programs, nil
}

// TargetNames returns the names that people use for targets of the build.ninja in dir: those
// of links and of phony edges, without the ones that CMake makes for folders, files and its
// own use.
func TargetNames(dir string) ([]string, error) {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range g.Edges {
		switch {
		case kindOf(e) == ipc.ActionLink:
			names = append(names, targetOf(e.Outputs[0]))
		case e.IsPhony():
			for _, out := range e.Outputs {
				if !strings.ContainsAny(out.Path, "/.") && !strings.HasPrefix(out.Path, "cmake_object_order_depends_") {
					names = append(names, out.Path)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// linksProgram reports whether an edge links a program: CMake's rules say so, Meson's by
// their arguments.
func linksProgram(e *ninja.Edge) bool {
	rule := e.Rule.Name
	if strings.Contains(rule, "_EXECUTABLE_LINKER__") {
		return true
	}
	if !strings.HasSuffix(rule, "_LINKER") && !strings.HasSuffix(rule, "_LINKER_RSP") || strings.HasSuffix(rule, "STATIC_LINKER") {
		return false
	}
	return !slices.Contains(strings.Fields(e.Binding("LINK_ARGS")), "-shared")
}

// targetOf is the name of the phony edge that stands for one output alone, else the
// output's file name.
func targetOf(out *ninja.Node) string {
	base := path.Base(out.Path)
	name := ""
	for _, e := range out.Out {
		if !e.IsPhony() || len(e.Inputs) != 1 || len(e.Outputs) != 1 {
			continue
		}
		if alias := e.Outputs[0].Path; alias != "all" && !strings.Contains(alias, "/") && (name == "" || alias != base) {
			name = alias
		}
	}
	if name == "" {
		return base
	}
	return name
}

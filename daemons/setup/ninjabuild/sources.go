package ninjabuild

import (
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/depslog"
	"github.com/RepliBuild/replibuild/ipc"
)

// Sources returns the files that the build.ninja in dir builds from and that no edge makes:
// sources, headers that the last builds read, and what the manifest itself is made of.
// Paths are absolute or relative to dir.
func Sources(dir string) ([]string, error) {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return nil, err
	}
	var files []string
	for _, n := range g.Nodes {
		if n.In == nil {
			files = append(files, n.Path)
		}
	}
	log, _, err := depslog.Load(filepath.Join(dir, g.Variable("builddir"), ".ninja_deps"))
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, path := range log.Paths() {
		name := path
		if rel, err := filepath.Rel(abs, path); err == nil && filepath.IsLocal(rel) {
			name = filepath.ToSlash(rel) // CMake names generated headers by their whole path
		}
		if g.Lookup(path) == nil && g.Lookup(name) == nil {
			files = append(files, path)
		}
	}
	if n := g.Lookup("build.ninja"); n == nil || n.In == nil {
		files = append(files, "build.ninja")
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Readers returns the edges of the build.ninja in dir whose last run read a file, by ninja's
// logs. path is absolute, or relative to dir.
func Readers(dir, path string) ([]Edge, error) {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return nil, err
	}
	log, _, err := depslog.Load(filepath.Join(dir, g.Variable("builddir"), ".ninja_deps"))
	if err != nil {
		return nil, err
	}
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
		return filepath.Join(dir, path)
	}
	wanted := -1
	for id, name := range log.Paths() {
		if at(name) == at(path) {
			wanted = id
		}
	}
	var readers []Edge
	for _, e := range g.Edges {
		if wanted < 0 || e.IsPhony() {
			continue
		}
		if d := log.Lookup(e.Outputs[0].Path); d != nil && d.Has(wanted) {
			readers = append(readers, nameEdge(e))
		}
	}
	return readers, nil
}

// Subject is what a name stands for in the build.ninja in dir: the source of an object,
// the target of a link's output. Any other name stands for itself.
func Subject(dir, name string) string {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return name
	}
	n := g.Lookup(ninja.Canonical(name))
	if n == nil || n.In == nil || len(n.In.Outputs) == 0 {
		return name
	}
	switch e := n.In; kindOf(e) {
	case ipc.ActionCompile:
		return e.Inputs[0].Path
	case ipc.ActionLink:
		return targetOf(e.Outputs[0])
	}
	return name
}

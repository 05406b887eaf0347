package ninjabuild

import (
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/ipc"
)

// Units is the compiles of the build.ninja in dir, for questions about what units include and
// cost: a plan without toolchains, targets and everything else. An action has the ID by which
// the compilation service and discovery know it, and its source is named as in their records.
func Units(dir string) (*ipc.Plan, error) {
	g, err := ninja.Load("build.ninja", disk{dir: dir}.read, ninja.Options{Version: Version})
	if err != nil {
		return nil, err
	}
	p := &ipc.Plan{Root: dir, BuildDir: "."}
	for _, e := range g.Edges {
		if e.IsPhony() || !compiles(e) {
			continue
		}
		known, ok := Recognise(commandOf(e))
		if !ok || known.Action.Kind != ipc.ActionCompile {
			continue
		}
		u := known.Action
		u.Target, u.Source, u.Command = targetOfObject(u.Output()), FileName(dir, u.Source), len(p.Commands)
		p.Commands = append(p.Commands, known.Command) // no two are equal: each names its depfile
		p.Actions = append(p.Actions, u)
	}
	return p, nil
}

// FileName is a path of the manifest in dir as records have it: relative beneath dir, else
// absolute.
func FileName(dir, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(path)
}

package replibuild

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/ipc"
)

// Init looks at the C and C++ files in dir ("" = the working directory) and writes
// a replibuild.toml that builds them; it returns the path of the file. A file that
// is there already is never overwritten. With shared, the file has worktrees share results.
func Init(ctx context.Context, dir string, env []string, shared bool) (string, error) {
	if dir == "" {
		dir = "."
	}
	return setup.Init(ctx, dir, env, shared)
}

// NeedsConfigure reports whether make builds the folder, and its Makefile has yet to be made by a
// script named configure.
func NeedsConfigure(dir string) bool { return setup.ProposesConfigure(dir) }

// DirOf is [Dir] for another environment than this process's.
func DirOf(env []string) (string, error) {
	return daemons.HomeDir(func(key string) string { return ipc.EnvValue(env, key) })
}

// Clean removes the project's build folder and returns how many files it held. The
// cache stays.
func (p *Project) Clean(ctx context.Context) (int, error) {
	plan, err := p.Plan(ctx)
	if err != nil {
		return 0, err
	}
	dir := filepath.Join(plan.Root, filepath.FromSlash(plan.BuildDir))
	if rel, err := filepath.Rel(plan.Root, dir); err != nil || rel == "." || !filepath.IsLocal(rel) {
		return 0, ipc.Errorf(ipc.CodeConfig, "will not remove %s: it is not a folder beneath the project", dir).
			WithHint("set [output] output_dir to a folder of its own")
	}
	files := 0
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return files, os.RemoveAll(dir)
}

package setup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// Init writes a replibuild.toml for dir and returns its path. Where CMake or Meson builds
// the folder, the file says so. Else it builds the C and C++ files in dir with the
// compilers and libraries of env. With shared, its results are shared with other worktrees. A
// file that is there is never overwritten.
func Init(ctx context.Context, dir string, env []string, shared bool) (string, error) {
	root, err := filepath.Abs(dir)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return "", ipc.Errorf(ipc.CodeNoProject, "cannot open the folder %s: %v", dir, cause(err)).WithHint("name a folder that holds C or C++ files")
	}
	file := filepath.Join(root, configFile)
	if _, err := os.Lstat(file); err == nil {
		return "", ipc.Errorf(ipc.CodeConfig, "there is a %s in %s already", configFile, root).WithHint("it was left as it is; `replibuild compile` builds it")
	}
	text := proposeBuild(root)
	if text == "" {
		if text, err = propose(ctx, root, env); err != nil {
			return "", err
		}
	}
	if shared {
		text = withSharing(text)
	}
	if err := writeNew(file, text); err != nil {
		return "", ipc.Errorf(ipc.CodeConfig, "cannot write %s: %v", file, cause(err)).WithHint("is the folder yours to write to?")
	}
	return file, nil
}

// withSharing adds what has worktrees share results to a proposed file. Where CMake or Meson
// has the flags, debug builds need theirs.
func withSharing(text string) string {
	const table, key = "[compilation]\n", "debug_paths = \"shared\"\n"
	switch {
	case strings.Contains(text, table):
		text = strings.Replace(text, table, table+key, 1)
	case !strings.Contains(text, "[build]\n"):
		text += "\n" + table + key
	}
	return text + "\n[cache]\nshared = true\n"
}

// writeNew writes a file that must not be there yet.
func writeNew(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(file)
	}
	return err
}

// propose returns the text of a replibuild.toml for a folder.
func propose(ctx context.Context, root string, env []string) (string, error) {
	s, err := takeSurvey(ctx, root)
	if err != nil {
		return "", err
	}
	if len(s.sources) == 0 {
		return "", ipc.Errorf(ipc.CodeConfig, "there is no C or C++ file in %s", root).
			WithHint("write one, for example src/main.cpp, and run `replibuild init` again")
	}
	if text := proposeMake(root); text != "" {
		return text, nil
	}
	env = environment.WithPath(env)
	p := &planner{
		ctx: ctx, root: root, goos: runtime.GOOS, env: env, state: newState(), w: newWatcher(newStatCache()),
		problems: &problems{}, project: &project{},
	}
	p.targets = []*target{{name: "init"}}
	if err := p.findCompilers(); err != nil {
		return "", err
	}
	if err := p.findModules(); err != nil {
		return "", err
	}
	p.resolver.pkg = newPkgConfig(ctx, p.state, p.w, root, env)
	l := &layout{survey: s, resolver: p.resolver}
	l.arrange()
	if p.resolver.errs != nil {
		return "", p.resolver.errs
	}
	return l.text(), ctx.Err()
}

// isUnreadable reports whether a folder cannot be looked into, which must not keep
// init from looking at the others.
func isUnreadable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)
}

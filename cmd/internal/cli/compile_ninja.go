package cli

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// ninjaFolder finds the build.ninja that `compile` uses where there is no
// replibuild.toml: in the folder itself, or in one folder beneath it whose name begins
// with "build". p and err are what opening the project gave. It returns "" if there is none.
func (a *app) ninjaFolder(p *replibuild.Project, err error) (string, error) {
	dir := a.projectDir
	if dir == "" {
		dir = "."
	}
	switch {
	case err == nil && isFile(filepath.Join(p.Root(), "replibuild.toml")):
		return "", nil
	case err == nil:
		return p.Root(), nil // built by us before
	case ipc.CodeOf(err) != ipc.CodeNoProject:
		return "", err
	case isFile(filepath.Join(dir, "build.ninja")):
		return dir, nil
	}
	found, _ := filepath.Glob(filepath.Join(dir, "build*", "build.ninja"))
	switch len(found) {
	case 0:
		return "", err
	case 1:
		return filepath.Dir(found[0]), nil
	}
	return "", ipc.Errorf(ipc.CodeNoProject, "there are several folders with a build.ninja: %s", strings.Join(found, ", ")).
		WithHint("name one: replibuild compile --project %s", filepath.Dir(found[0]))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// refuseOwn refuses the flags that need a plan of our own; dir is the build folder.
func (f compileFlags) refuseOwn(dir string) error {
	if !f.deep && !f.options.NoCache {
		return nil
	}
	return ipc.Errorf(ipc.CodeBadRequest, "%s is the folder of another build system: --time-trace and --no-cache are for projects of our own", dir).
		WithHint("`replibuild ninja -C %s` has ninja's flags", dir)
}

// compileNinja builds a folder with a build.ninja, with the flags that `compile` and ninja
// share.
func (a *app) compileNinja(dir string, f compileFlags, files []string) error {
	if err := f.refuseOwn(dir); err != nil {
		return err
	}
	args := []string{"-C", dir}
	if f.verbose {
		args = append(args, "-v")
	}
	if f.options.Jobs > 0 {
		args = append(args, "-j", strconv.Itoa(f.options.Jobs))
	}
	args = append(args, f.options.Targets...)
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		args = append(args, abs+"^") // what is made from it first
	}
	c := a.Caller
	c.Args = args
	if f.options.NoDaemon {
		c.Env = append(append([]string{}, c.Env...), "CI=1")
	}
	return a.reported(c, dir, f)
}

// reported runs ninja, and tells its events to those that the flags name. With --json they
// are all that standard output gets.
func (a *app) reported(c Caller, dir string, f compileFlags) error {
	print := func(ipc.Event) {}
	if a.json {
		print = jsonReporter{a}.event
		c.Stdout = io.Discard
	}
	written, err := f.listen(print)
	if err != nil {
		return err
	}
	code := runNinja(c, replibuild.NinjaReportOptions{
		Env: c.Env, Dir: dir, Build: f.build, Targets: f.options.Targets, Trigger: f.options.Trigger, Trace: f.options.Trace, OnEvent: f.options.OnEvent, MakeSet: true,
	}, f.options.WaitUploads)
	if err := written(); err != nil {
		return err
	}
	if code != exitDone {
		return exitStatus(code)
	}
	return nil
}

package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// compileForeign builds a project whose replibuild.toml has [build]: configures it if that
// is needed, then builds by its build.ninja, or by make.
func (a *app) compileForeign(ctx context.Context, b *replibuild.BuildSystem, f compileFlags, files []string) error {
	if err := f.refuseOwn(b.BuildDir); err != nil {
		return err
	}
	if len(f.options.Targets) == 0 && len(files) == 0 {
		f.options.Targets = b.Targets
	}
	if b.ByMake() {
		if len(files) > 0 {
			return usageError("make builds this project, and single files cannot be compiled").WithHint("name a target of the Makefile: -t TARGET")
		}
		return a.make(ctx, b, f.options.Jobs, f.options.Targets)
	}
	if err := a.configure(ctx, b); err != nil {
		return err
	}
	if f.options.Detach {
		return a.detachForeign(ctx, b, f, files)
	}
	return a.inBuild(b).compileNinja(b.BuildDir, f, files)
}

// detachForeign has the orchestrator of the build folder build, and does not wait for it.
func (a *app) detachForeign(ctx context.Context, b *replibuild.BuildSystem, f compileFlags, files []string) error {
	p, err := b.Open()
	if err != nil {
		return err
	}
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		f.options.Files = append(f.options.Files, abs)
	}
	out := a.newReporter(f.verbose)
	f.options.OnEvent = out.event
	result, err := p.Compile(ctx, f.options)
	out.done(result, err, true)
	return err
}

// inBuild is a with the environment that [build] wants.
func (a *app) inBuild(b *replibuild.BuildSystem) *app {
	in := *a
	in.Env = b.Env(a.Env)
	return &in
}

// configure makes the build folder ready, and says so.
func (a *app) configure(ctx context.Context, b *replibuild.BuildSystem) error {
	out := a.Stdout
	if a.json {
		out = a.Stderr
	}
	return b.Configure(ctx, a.buildCaller(), func(line string) { fprintf(out, "%s\n", line) })
}

// buildCaller is what programs of the build system get.
func (a *app) buildCaller() replibuild.BuildCaller {
	c := replibuild.BuildCaller{Env: a.Env, Stdin: a.Stdin, Stdout: raw(a.Stdout), Stderr: raw(a.Stderr)}
	if a.json {
		c.Stdout = c.Stderr // standard output is for events
	}
	return c
}

// make runs make. The compilers that it names are found behind the launcher, if there is one.
func (a *app) make(ctx context.Context, b *replibuild.BuildSystem, jobs int, targets []string) error {
	caller := a.buildCaller()
	caller.Env = a.launchEnv(ctx)
	code, err := b.Make(ctx, caller, jobs, targets)
	if err == nil && code != exitDone {
		return exitStatus(code)
	}
	return err
}

// cleanForeign runs the clean of the build system.
func (a *app) cleanForeign(ctx context.Context, b *replibuild.BuildSystem) error {
	if b.ByMake() {
		return a.make(ctx, b, 0, []string{"clean"})
	}
	if !isFile(filepath.Join(b.BuildDir, "build.ninja")) {
		a.printf("🧹 Nothing to clean: %s has no build.ninja\n", b.BuildDir)
		return nil
	}
	c := a.inBuild(b).Caller
	c.Args = []string{"-C", b.BuildDir, "clean"} // a target of CMake's and Meson's
	if b.PlainNinja() {
		c.Args = []string{"-C", b.BuildDir, "-t", "clean"}
	}
	if code := runNinja(c, replibuild.NinjaReportOptions{Env: c.Env}, false); code != exitDone {
		return exitStatus(code)
	}
	return nil
}

// runForeign builds a program by the name of its target, and runs it. Standard output is
// the program's.
func (a *app) runForeign(cmd *cobra.Command, b *replibuild.BuildSystem, f compileFlags, name, args []string) error {
	build := *a
	build.Stdout = a.Stderr
	path, err := build.buildProgram(cmd.Context(), b, f, name)
	if err != nil {
		return err
	}
	if len(name) > 0 {
		args = args[1:]
	}
	return a.exec(cmd, path, args)
}

// buildProgram builds the program that name[0] names, the only one if name is empty, and
// returns its path.
func (a *app) buildProgram(ctx context.Context, b *replibuild.BuildSystem, f compileFlags, name []string) (string, error) {
	if b.ByMake() {
		return "", ipc.Errorf(ipc.CodeBadRequest, "make builds this project, and does not say what its programs are").
			WithHint("`replibuild compile` builds it; start the program by its path")
	}
	if err := a.configure(ctx, b); err != nil {
		return "", err
	}
	programs, err := ninjabuild.Programs(b.BuildDir)
	if err != nil {
		return "", ipc.Errorf(ipc.CodeBuildFailed, "read %s: %v", filepath.Join(b.BuildDir, "build.ninja"), err)
	}
	if len(programs) == 0 {
		return "", ipc.Errorf(ipc.CodeUnknownFile, "%s links no program that CMake or Meson made a rule for", filepath.Join(b.BuildDir, "build.ninja")).
			WithHint("start the program by its path")
	}
	found, err := pickProgram(slices.Sorted(maps.Keys(programs)), name)
	if err != nil {
		return "", err
	}
	f.options.Targets = []string{programs[found]}
	return filepath.Join(b.BuildDir, programs[found]), a.compileForeign(ctx, b, f, nil)
}

package replibuild

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/daemons/setup/buildsystem"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// BuildSystem is what [build] in a replibuild.toml says: CMake, Meson, ninja or make builds
// the project, in a build folder. The set of daemons belongs to that folder.
type BuildSystem struct {
	setup.BuildSystem
	env []string
	exe string
}

// BuildCaller is what the programs of a build system get: environment and streams.
type BuildCaller = buildsystem.Caller

// BuildSystem reads [build] of the project's replibuild.toml, nil if it has none. With
// mistakes in the file, what could be read is returned beside the error.
func (p *Project) BuildSystem() (*BuildSystem, error) {
	b, err := setup.ReadBuildSystem(p.Root(), p.env)
	if b == nil {
		return nil, err
	}
	return &BuildSystem{*b, p.env, p.exe}, err
}

// NinjaFolder is a folder with a build.ninja that no replibuild.toml names.
func NinjaFolder(dir string, o Options) (*BuildSystem, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := daemons.BuildFolder(abs)
	if err != nil {
		return nil, err
	}
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	b := setup.BuildSystem{Root: root, System: setup.SystemNinja, SourceDir: root, BuildDir: root}
	return &BuildSystem{b, env, o.Executable}, nil
}

// BuildFolder reports whether the set belongs to a folder with a build.ninja, which
// RepliBuild has built before.
func (p *Project) BuildFolder() bool { return daemons.IsBuildFolder(p.Root()) }

// Subject is what a name of a build folder stands for, for [Project.Explain]: the source of
// an object, the target of what a link makes. In a project of our own names stand for
// themselves.
func (p *Project) Subject(name string) string {
	if !p.BuildFolder() {
		return name
	}
	return ninjabuild.Subject(p.Root(), name)
}

// withReaders adds to the explanation of a header which sources read it, by ninja's logs. If
// none does, the reply and the error of the orchestrator stay as they are.
func (p *Project) withReaders(reply ipc.ExplainReply, subject string, err error) (ipc.ExplainReply, error) {
	readers, readErr := ninjabuild.Readers(p.Root(), subject)
	if readErr != nil || len(readers) == 0 {
		return reply, err
	}
	reply.Subject, reply.Kind, reply.Dependents = subject, "header", nil
	for _, e := range readers {
		reply.Dependents = append(reply.Dependents, edgeID(p.Root(), e))
	}
	return reply, nil
}

// ByMake reports whether make builds the project, not build.ninja.
func (b *BuildSystem) ByMake() bool { return b.System == setup.SystemMake }

// PlainNinja reports whether the build.ninja is not made by CMake or Meson.
func (b *BuildSystem) PlainNinja() bool { return b.System == setup.SystemNinja }

// Env returns env with what [build] adds to it.
func (b *BuildSystem) Env(env []string) []string { return buildsystem.Env(&b.BuildSystem, env) }

// Open opens the set of the build folder, which need not exist. It is configured before daemons
// are started in it.
func (b *BuildSystem) Open() (*Project, error) {
	p, err := openRoot(b.BuildDir, Options{Env: b.env, Executable: b.exe})
	if err == nil && !b.ByMake() {
		p.prepare = func(ctx context.Context) error { return b.prepare(ctx, p) }
	}
	return p, err
}

// prepare configures a build folder that never was. The error has the last lines of what the
// build system printed.
func (b *BuildSystem) prepare(ctx context.Context, p *Project) error {
	if _, err := os.Stat(filepath.Join(b.BuildDir, "build.ninja")); err == nil {
		return nil
	}
	var printed bytes.Buffer
	caller := BuildCaller{Env: b.env, Stdout: &printed, Stderr: &printed}
	if err := b.Configure(ctx, caller, func(string) {}); err != nil {
		return ipc.Errorf(ipc.CodeOf(err), "%v\n%s", err, lastLines(printed.String()))
	}
	return os.MkdirAll(p.paths.StateDir(), 0o700) // by this it is known as a build folder
}

// Configure makes the build folder ready if it is not. say is called with a line before
// the build system starts.
func (b *BuildSystem) Configure(ctx context.Context, c BuildCaller, say func(string)) error {
	exe := b.exe
	if exe == "" {
		found, err := daemons.Executable(func(key string) string { return ipc.EnvValue(b.env, key) })
		if err != nil {
			return err
		}
		exe = found
	}
	return buildsystem.Configure(ctx, &b.BuildSystem, c, daemons.ForUse(exe), say)
}

// configured reports whether Configure would do nothing. exe is known.
func (b *BuildSystem) configured() bool {
	return buildsystem.Configured(&b.BuildSystem, daemons.ForUse(b.exe))
}

// Make runs make in the build folder and returns its exit code; jobs is its -j, 0 for none.
func (b *BuildSystem) Make(ctx context.Context, c BuildCaller, jobs int, targets []string) (int, error) {
	return buildsystem.Make(ctx, &b.BuildSystem, c, jobs, targets)
}

package replibuild

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/daemons/setup/buildsystem"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// foreignGrace is how long the process of a build that is cancelled may take to end what it has
// started, before it is killed.
const foreignGrace = 10 * time.Second

// SourceDir is the folder of the sources that a build folder is made from, as far as it is known;
// "" for a project of our own.
func (p *Project) SourceDir() string {
	if source := buildsystem.SourceDir(p.Root()); source != "" {
		return source
	}
	if p.BuildFolder() || p.describedIn() != p.Root() {
		return p.describedIn()
	}
	return ""
}

// units is the plan to explain a build folder by, nil for a project of our own. The plan's sharing
// has the folder of the sources, which the project's own files lie in.
func (p *Project) units() func() (*ipc.Plan, error) {
	if !p.BuildFolder() {
		return nil
	}
	return func() (*ipc.Plan, error) {
		plan, err := ninjabuild.Units(p.Root())
		if err != nil {
			return nil, ipc.Errorf(ipc.CodeConfig, "read build.ninja in %s: %v", p.Root(), err)
		}
		if source := p.SourceDir(); source != "" {
			plan.Sharing.Roots = []string{source}
		}
		return plan, nil
	}
}

// foreign is how the orchestrator builds a build folder, nil for a project of our own.
func (p *Project) foreign() func(ctx context.Context, build string, req ipc.BuildRequest) error {
	if p.describedIn() == p.Root() && (!p.BuildFolder() || p.ownPlan()) {
		return nil
	}
	return p.buildForeign
}

// ownPlan reports whether a replibuild.toml in the project's folder says itself what to build. A
// build.ninja beside it, which `replibuild ninja` builds, changes nothing about that: the process
// that buildForeign starts would ask the orchestrator for the same build, and wait for itself.
func (p *Project) ownPlan() bool {
	if _, err := os.Stat(filepath.Join(p.Root(), "replibuild.toml")); err != nil {
		return false
	}
	b, _ := setup.ReadBuildSystem(p.Root(), p.env)
	return b == nil
}

// buildForeign builds a build folder by `replibuild compile`, in a process of its own, as the
// caller would. That process announces itself under the ID of the build. The error says what
// it printed last.
func (p *Project) buildForeign(ctx context.Context, build string, req ipc.BuildRequest) error {
	get := func(key string) string { return ipc.EnvValue(req.Env, key) }
	exe, err := daemons.Executable(get)
	if err != nil {
		return err
	}
	args := []string{"compile", "--project", p.describedIn(), "--announce", build, "--trigger", req.Trigger}
	if req.Jobs > 0 {
		args = append(args, "--jobs", strconv.Itoa(req.Jobs))
	}
	for _, t := range req.Targets {
		args = append(args, "--target", t)
	}
	if len(req.Files) > 0 {
		args = append(append(args, "--"), req.Files...)
	}
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = p.paths.Root, req.Env, &printed
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = foreignGrace
	if err := caller.Start(cmd, caller.Difference(caller.Own(), req.Caller)); err != nil {
		return ipc.Errorf(ipc.CodeUnavailable, "start %s: %v", exe, err)
	}
	if err := cmd.Wait(); err != nil {
		return ipc.Errorf(ipc.CodeBuildFailed, "%s", cmp.Or(lastLines(printed.String()), err.Error()))
	}
	return nil
}

// lastLines are the last lines of a text, enough to say what went wrong.
func lastLines(text string) string {
	const enough = 12
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-enough):], "\n")
}

// interrupt asks a process to end as Ctrl-C does.
func interrupt(p *os.Process) error {
	if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return p.Kill() // Windows has no such signal
}

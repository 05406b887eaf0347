package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/examples"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) demoCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:     "demo [DIR]",
		Short:   "Show the main job on a small C++ project: cold build, warm build, one edit, status",
		Example: "  replibuild demo\n  replibuild demo --keep /tmp/demo",
		Args:    atMostOne("DIR"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.demo(cmd, args, keep) },
	}
	c.Flags().BoolVar(&keep, "keep", false, "leave the project and its daemons, to play with")
	return c
}

// demo builds a copy of the embedded project through its own daemons, as a newcomer would
// by hand, and prints each command that a user would type.
func (a *app) demo(cmd *cobra.Command, args []string, keep bool) (err error) {
	dir, remove, err := demoDir(args)
	if err != nil {
		return err
	}
	if !keep {
		defer remove()
	}
	if err := copyDemo(dir); err != nil {
		return err
	}
	d := &demo{app: a, cmd: cmd, dir: dir}
	d.project, err = replibuild.Open(dir, replibuild.Options{Env: a.Env})
	if err != nil {
		return err
	}
	if !keep {
		defer d.project.Stop(context.WithoutCancel(cmd.Context()))
	}
	for _, step := range []func() error{d.start, d.cold, d.warm, d.edit, d.status, d.run} {
		if err := step(); err != nil {
			return err
		}
	}
	if keep {
		a.printf("\nThe project is in %s and its daemons run: `replibuild stop --project %s` ends them\n", dir, dir)
		return nil
	}
	return d.stop()
}

// demoDir is the folder named, which must be new, or a temporary one.
func demoDir(args []string) (dir string, remove func() error, err error) {
	if len(args) == 0 {
		dir, err = os.MkdirTemp("", "replibuild-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	dir = args[0]
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, ipc.Errorf(ipc.CodeBadRequest, "cannot make the demo's folder: %v", err).
			WithHint("name a folder that does not exist yet")
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// copyDemo writes the embedded project into dir.
func copyDemo(dir string) error {
	root, err := fs.Sub(examples.Demo, "demo")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, root)
}

// demo is one run of the demonstration.
type demo struct {
	app     *app
	cmd     *cobra.Command
	dir     string
	project *replibuild.Project
}

func (d *demo) title(format string, args ...any) {
	d.app.printf("\n%s\n", style(d.app.Stdout, bold, fmt.Sprintf("$ "+format, args...)))
}

func (d *demo) sub() *app {
	sub := *d.app
	sub.projectDir = d.dir
	return &sub
}

func (d *demo) start() error {
	d.title("replibuild start")
	return d.sub().start(d.cmd)
}

func (d *demo) compile(comment string) error {
	d.title("replibuild compile        # %s", comment)
	return d.sub().build(d.cmd, d.project, compileFlags{options: replibuild.CompileOptions{Daemons: true}, verbose: true})
}

func (d *demo) cold() error { return d.compile("the first build: nothing is cached") }
func (d *demo) warm() error { return d.compile("again: nothing has changed") }

func (d *demo) edit() error {
	d.title("sed -i 's/%s/%s/' %s", examples.EditOld, examples.EditNew, examples.EditFile)
	path := filepath.Join(d.dir, filepath.FromSlash(examples.EditFile))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), examples.EditOld) {
		return fmt.Errorf("edit %s: %q is not in it", path, examples.EditOld)
	}
	edited := strings.Replace(string(text), examples.EditOld, examples.EditNew, 1)
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		return err
	}
	return d.compile("one file was edited")
}

func (d *demo) status() error {
	d.title("replibuild status")
	return d.app.status(d.cmd.Context(), d.project)
}

func (d *demo) run() error {
	plan, err := d.project.Plan(d.cmd.Context())
	if err != nil {
		return err
	}
	for _, name := range executables(plan) {
		program := filepath.Join(plan.Root, filepath.FromSlash(plan.Target(name).Output))
		d.title("%s", plan.Target(name).Output)
		c := exec.CommandContext(d.cmd.Context(), program)
		c.Env, c.Dir, c.Stdout, c.Stderr = d.app.Env, d.dir, raw(d.app.Stdout), raw(d.app.Stderr)
		if err := c.Run(); err != nil {
			return ipc.Errorf(ipc.CodeBuildFailed, "run %s: %v", program, err)
		}
	}
	return nil
}

func (d *demo) stop() error {
	d.title("replibuild stop")
	return d.sub().stop(d.cmd)
}

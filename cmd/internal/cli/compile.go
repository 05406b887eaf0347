package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// compileFlags are the flags of `compile` that `watch` and `run` share.
type compileFlags struct {
	options replibuild.CompileOptions
	record  string // --record FILE
	verbose bool
	trace   string // --trace FILE
	deep    bool   // --time-trace
	build   string // --announce ID: that of a build which the orchestrator has this process make
}

func (f *compileFlags) add(a *app, c *cobra.Command) {
	c.Flags().BoolVar(&f.options.NoDaemon, "no-daemon", false, "do all the work in this process")
	c.Flags().IntVarP(&f.options.Jobs, "jobs", "j", 0, "at most `N` compilers at a time (0: one a core)")
	c.Flags().StringSliceVarP(&f.options.Targets, "target", "t", nil, "build only this `target` and what it depends on")
	c.Flags().BoolVar(&f.options.WaitUploads, "wait-uploads", false, "return only when what others may use is stored for them")
	c.Flags().StringVar(&f.record, "record", "", "also write the events as JSON lines to `FILE`")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "say why each unit was compiled")
	completeFlag(c, "target", a.completeTargets)
}

func (a *app) compileCommand() *cobra.Command {
	var f compileFlags
	c := a.jsonFlag(&cobra.Command{
		Use:   "compile [FILE…]",
		Short: "Build the project, or compile only the files named",
		Long: "Builds all targets, the targets that -t names, or compiles only the files named. The daemons\n" +
			"are started if they do not run. If [build] of replibuild.toml names CMake or Meson, the build\n" +
			"folder is configured when that is needed. Without a replibuild.toml, a build.ninja in this\n" +
			"folder or in one folder build* beneath it is built, as `replibuild ninja` does.",
		Example: "  replibuild compile\n  replibuild compile -t hello -v\n  replibuild compile src/main.cpp\n" +
			"  replibuild compile --trace t.json    # for ui.perfetto.dev",
		RunE: func(cmd *cobra.Command, files []string) error { return a.compile(cmd, f, files) },
	})
	f.add(a, c)
	c.ValidArgsFunction = completion(a.completeSources)
	c.Flags().BoolVar(&f.options.Detach, "detach", false, "return at once; the daemons build on")
	c.Flags().StringVar(&f.trace, "trace", "", "write where the time went to `FILE`, for chrome://tracing or ui.perfetto.dev")
	c.Flags().BoolVar(&f.deep, "time-trace", false, "with --trace: also what clang's -ftime-trace says of each compile")
	c.Flags().StringVar(&f.build, "announce", "", "the `ID` of the build, from the orchestrator")
	c.Flags().StringVar(&f.options.Trigger, "trigger", "", "what started the build")
	hide(c, "announce", "trigger")
	c.Flags().BoolVar(&f.options.NoCache, "no-cache", false, "compile even what the cache holds")
	return c
}

// hide leaves flags out of the help: the orchestrator sets them.
func hide(c *cobra.Command, names ...string) {
	for _, name := range names {
		_ = c.Flags().MarkHidden(name) // fails only if there is no such flag
	}
}

func (a *app) compile(cmd *cobra.Command, f compileFlags, files []string) error {
	switch {
	case f.deep && f.trace == "":
		return ipc.Errorf(ipc.CodeBadRequest, "--time-trace needs --trace").WithHint("name the file: --trace build.json --time-trace")
	case f.trace != "" && f.options.Detach:
		return ipc.Errorf(ipc.CodeBadRequest, "--trace needs to see the build, which --detach leaves alone")
	}
	p, b, err := a.place()
	switch {
	case err != nil:
		return err
	case b != nil:
		return a.compileForeign(cmd.Context(), b, f, files)
	}
	f.options.Files, err = projectFiles(p.Root(), files)
	if err != nil {
		return err
	}
	return a.build(cmd, p, f)
}

// build runs one build with its output and turns its result into an exit code.
func (a *app) build(cmd *cobra.Command, p *replibuild.Project, f compileFlags) error {
	out := a.newReporter(f.verbose)
	written, err := f.listen(out.event)
	if err != nil {
		return err
	}
	result, err := p.Compile(cmd.Context(), f.options)
	out.done(result, err, f.options.Detach)
	if err2 := written(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	if !result.Success && !f.options.Detach {
		return exitStatus(exitBuildFailed)
	}
	return nil
}

// listen gives the events of the build to first, and to the files that the flags name.
// written must be called after the last event.
func (f *compileFlags) listen(first func(ipc.Event)) (written func() error, err error) {
	listeners := []func(ipc.Event){first}
	closeRecord := func() error { return nil }
	if f.record != "" {
		rec, err := newRecorder(f.record)
		if err != nil {
			return nil, err
		}
		closeRecord = rec.close
		listeners = append(listeners, rec.event)
	}
	closeTrace := func() error { return nil }
	if f.trace != "" {
		t, err := newTracer(f.trace, f.deep)
		if err != nil {
			closeRecord()
			return nil, err
		}
		t.configure(&f.options)
		closeTrace = t.close
		listeners = append(listeners, t.event)
	}
	f.options.OnEvent = func(e ipc.Event) {
		for _, listen := range listeners {
			listen(e)
		}
	}
	return func() error {
		if err := closeRecord(); err != nil {
			return ipc.Errorf(ipc.CodeInternal, "write the events to %s: %v", f.record, err)
		}
		if err := closeTrace(); err != nil {
			return ipc.Errorf(ipc.CodeInternal, "write the trace %s: %v", f.trace, err)
		}
		return nil
	}, nil
}

// projectFiles makes the files that a user names, relative to where they stand,
// relative to the project's root.
func projectFiles(root string, files []string) ([]string, error) {
	var out []string
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			abs = filepath.Join(dir, filepath.Base(abs))
		}
		rel, err := filepath.Rel(root, abs)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, ipc.Errorf(ipc.CodeUnknownFile, "%s is not in the project %s", f, root).
				WithHint("name a source file of the project, or use --project")
		}
		out = append(out, filepath.ToSlash(rel))
	}
	return out, nil
}

package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// completeLimit is how long a shell waits for suggestions.
const completeLimit = 3 * time.Second

// completer suggests words for the shell; done are the arguments before.
type completer func(ctx context.Context, done []string) []cobra.Completion

// completion makes a completer cobra's. Where it suggests nothing the shell suggests
// files.
func completion(suggest completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, done []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completeLimit)
		defer cancel()
		words := suggest(ctx, done)
		if len(words) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// plan is the project's plan, nil if it cannot be had.
func (a *app) plan(ctx context.Context) *ipc.Plan {
	p, b, err := a.place()
	if err != nil || b != nil {
		return nil
	}
	plan, err := p.Plan(ctx)
	if err != nil {
		return nil
	}
	return plan
}

// completeTargets suggests the project's targets.
func (a *app) completeTargets(ctx context.Context, _ []string) (names []cobra.Completion) {
	if _, b, err := a.place(); err == nil && b != nil {
		names, _ = ninjabuild.TargetNames(b.BuildDir)
		return names
	}
	if plan := a.plan(ctx); plan != nil {
		for _, t := range plan.Targets {
			names = append(names, cobra.CompletionWithDesc(t.Name, t.Kind))
		}
	}
	return names
}

// completePrograms suggests what can be run.
func (a *app) completePrograms(ctx context.Context, done []string) (names []cobra.Completion) {
	if _, b, err := a.place(); err == nil && b != nil && len(done) == 0 {
		programs, _ := ninjabuild.Programs(b.BuildDir)
		return slices.Sorted(maps.Keys(programs))
	}
	if plan := a.plan(ctx); plan != nil && len(done) == 0 {
		return executables(plan)
	}
	return nil
}

// completeSources suggests source files that are not named yet, as they are spelled in
// the working directory.
func (a *app) completeSources(ctx context.Context, done []string) (files []cobra.Completion) {
	plan := a.plan(ctx)
	if plan == nil {
		return nil
	}
	for u := range plan.Units() {
		if file := fromHere(plan.Root, u.Source); !slices.Contains(done, file) && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// fromHere is a file of the project relative to the working directory.
func fromHere(root, file string) string {
	here, err := filepath.Abs(".")
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(here, filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return file
	}
	return rel
}

// completeSubjects suggests what can be explained: targets and source files.
func (a *app) completeSubjects(ctx context.Context, done []string) []cobra.Completion {
	if len(done) > 0 {
		return nil
	}
	return append(a.completeTargets(ctx, done), a.completeSources(ctx, done)...)
}

// completeFile suggests one source file.
func (a *app) completeFile(ctx context.Context, done []string) []cobra.Completion {
	if len(done) > 0 {
		return nil
	}
	return a.completeSources(ctx, done)
}

// completeBuilds suggests past builds by the end of their IDs, newest first.
func (a *app) completeBuilds(ctx context.Context, done []string) (ids []cobra.Completion) {
	p, err := a.open()
	if err != nil || len(done) > 0 {
		return nil
	}
	reply, err := p.History(ctx, ipc.HistoryRequest{})
	if err != nil {
		return nil
	}
	for _, b := range reply.Builds {
		ids = append(ids, cobra.CompletionWithDesc(shortBuild(b.Build),
			words.Build(b.Success, b.Cancelled)+" "+words.Ago(time.Since(b.Started))))
	}
	return ids
}

// completeDaemons suggests daemons that are not named yet.
func completeDaemons(_ context.Context, done []string) []cobra.Completion {
	return slices.DeleteFunc(ipc.DaemonNames(), func(n string) bool { return slices.Contains(done, n) })
}

// completeFlag gives a flag of a command suggestions. The flag exists: everything else is
// a mistake of ours, which a test finds.
func completeFlag(c *cobra.Command, flag string, suggest completer) {
	if err := c.RegisterFlagCompletionFunc(flag, completion(suggest)); err != nil {
		panic(err)
	}
}

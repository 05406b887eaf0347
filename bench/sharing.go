package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The rows of sharing measure the first build in a second worktree: a build folder of CMake
// beside another one of the same user, whose results are all to be had. ccache has base_dir
// for it, so that it finds them too.

func sharingRows() []row {
	return []row{
		{id: "share-worktree", title: "first build in a second worktree, all shared", projects: []string{"leveldb"}, measure: shareWorktree},
		{id: "share-faults", title: "first build with a remote cache that is of no use", tools: []string{toolDaemons}, projects: []string{"leveldb"}, measure: shareFaults},
	}
}

// secondWorktrees makes two trees for each tool, builds the first, and returns the second,
// which is configured and not built.
func (b *bench) secondWorktrees(ctx context.Context, project string) (second []*tree, err error) {
	base := filepath.Join(b.work, project, "sharing")
	source := filepath.Join(b.work, project, "source")
	for _, tool := range []string{toolDaemons, toolCcache} {
		env := toolEnv(filepath.Join(base, tool))
		if err := os.MkdirAll(homeOf(filepath.Join(base, tool)), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(homeOf(filepath.Join(base, tool)), "config.toml"), []byte("[cache]\nshared = true\n"), 0o600); err != nil {
			return nil, err
		}
		for _, name := range []string{"first", "second-worktree"} {
			dir := filepath.Join(base, tool+"-"+name)
			t, err := b.newFolder(ctx, tool, project, source, dir)
			if err != nil {
				return nil, err
			}
			t.env = append(slices.Clone(env), "CCACHE_BASEDIR="+dir, "CCACHE_NOHASHDIR=1")
			// Debug information names the folder: what is compared shares it in both tools.
			if err := t.cmake(ctx, "-DCMAKE_BUILD_TYPE=Release"); err != nil {
				return nil, err
			}
			if name != "first" {
				second = append(second, t)
				continue
			}
			if _, err := t.run(ctx); err != nil {
				return nil, err
			}
			if tool == toolDaemons {
				if err := t.replibuild(ctx, "cache", "share", "--project", buildFolder); err != nil {
					return nil, err
				}
			}
		}
	}
	return second, nil
}

// cmake changes the configuration of the build folder.
func (t *tree) cmake(ctx context.Context, args ...string) error {
	if out, err := t.command(ctx, "cmake", append([]string{"-B", buildFolder}, args...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("cmake: %w\n%s", err, tail(out))
	}
	return nil
}

// forgetWorktree leaves the tree as it was before its first build: no outputs, no state, no
// cache of its own, no daemons.
func (t *tree) forgetWorktree(ctx context.Context) error {
	if err := t.clean(ctx); err != nil {
		return err
	}
	if t.tool != toolDaemons {
		return nil
	}
	if err := t.replibuild(ctx, "stop", "--all"); err != nil {
		return err
	}
	own, err := t.command(ctx, t.exe, "cache", "path", "--project", buildFolder).Output()
	if err != nil {
		return fmt.Errorf("cache path: %w", err)
	}
	for _, dir := range []string{strings.TrimSpace(string(own)), filepath.Join(t.dir, buildFolder, ".replibuild")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func shareWorktree(ctx context.Context, b *bench, project string, _ []*tree) ([]line, error) {
	trees, err := b.secondWorktrees(ctx, project)
	if err != nil {
		return nil, err
	}
	defer func() { _ = trees[0].replibuild(context.WithoutCancel(ctx), "stop", "--all") }()
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return t.forgetWorktree(ctx) })
	if err != nil {
		return nil, err
	}
	last, err := trees[0].lastBuild()
	if err != nil {
		return nil, err
	}
	if last.Compiled > 0 || last.Cached == 0 {
		return nil, fmt.Errorf("all should come from the shared store, but %+v", last)
	}
	return []line{{samples: s, against: toolCcache, goal: 0.25, note: "daemons are started in it"}}, nil
}

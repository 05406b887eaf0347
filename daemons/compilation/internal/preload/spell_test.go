package preload

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func TestSpell(t *testing.T) {
	t.Parallel()
	r := NewReader("/w/project")
	for path, want := range map[string]string{
		"/w/project/src/a.cpp":       "src/a.cpp",
		"/w/project/./src/a.cpp":     "src/a.cpp",
		"/w/project//src/.//./a.cpp": "src/a.cpp",
		"/w/project/src/../inc/a.h":  "src/../inc/a.h",
		"/w/project/../other/a.h":    "../other/a.h",
		"/w/project":                 "/w/project",
		"/w/project/":                "/w/project/",
		"/w/project2/a.h":            "/w/project2/a.h",
		"/w/project/.hidden/a.h":     ".hidden/a.h",
		"/w/project/a/.":             "a/",
		"/w/project/a/..":            "a/..",
		"/usr//include/stdio.h":      "/usr/include/stdio.h",
		"/usr/./":                    "/usr/",
		"/.":                         "/",
		"/":                          "/",
		"//":                         "/",
	} {
		if got := r.Spell(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// Whatever is taken out of a path, it names the same file.
func TestSpellKeepsMeaning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755), os.WriteFile(filepath.Join(dir, "a/b/x"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "a/x"), nil, 0o644), os.WriteFile(filepath.Join(dir, "x"), nil, 0o644),
		os.Symlink(filepath.Join(dir, "a/b"), filepath.Join(dir, "l")))
	if err != nil {
		t.Skip(err) // a system without links
	}
	r := NewReader(dir)
	rapid.Check(t, func(t *rapid.T) {
		path := dir
		for _, e := range rapid.SliceOf(rapid.SampledFrom([]string{".", "..", "", "a", "b", "l", "x", ".x"})).Draw(t, "elements") {
			path += "/" + e
		}
		short := r.Spell(path)
		if !filepath.IsAbs(short) {
			short = dir + "/" + short
		}
		before, errBefore := os.Stat(path)
		after, errAfter := os.Stat(short)
		if (errBefore == nil) != (errAfter == nil) || errBefore == nil && !os.SameFile(before, after) {
			t.Fatalf("%s became %s", path, short)
		}
	})
}

func TestRootIsALink(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	link := filepath.Join(dir, "link")
	err = errors.Join(err, os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", link))
	if err != nil {
		t.Skip(err) // a system without links
	}
	r := NewReader(link)
	for _, p := range []string{"/link/a.h", "/real/a.h"} {
		if got := r.Spell(dir + p); got != "a.h" {
			t.Errorf("%s: got %s", p, got)
		}
	}
}

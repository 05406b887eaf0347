package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// edit appends text to a source, and takes it away again. Both give the file the time of now.
type edit struct {
	file string
	was  []byte
	text string
}

// added is valid C and C++, and no compiler warns of it.
const added = "\nextern int replibuild_edited; int replibuild_edited = 1;\n"

// addedToHeader changes each object that includes it. It is valid anywhere outside of functions and
// classes, and may be there twice: not every header has a guard.
const addedToHeader = "\n__asm__(\".ident \\\"edited\\\"\");\n"

func newEdit(file, text string) (edit, error) {
	was, err := os.ReadFile(file)
	return edit{file, was, text}, err
}

func (e edit) do() error   { return e.write(slices.Concat(e.was, []byte(e.text))) }
func (e edit) undo() error { return e.write(e.was) }

func (e edit) write(text []byte) error {
	info, err := os.Stat(e.file)
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(e.file, 0o644), os.WriteFile(e.file, text, 0o644), os.Chmod(e.file, info.Mode()))
}

// choose takes the source and the header that are edited from what ninja knows: the first source
// beneath the source folder that nothing includes, and the header there that the fewest, but at
// least two, compiles read.
func (t *trial) choose(ctx context.Context, their *reference) error {
	sources, err := t.sourcesOf(ctx)
	if err != nil {
		return err
	}
	t.units = len(sources)
	readers, err := t.readers(ctx)
	if err != nil {
		return err
	}
	for _, file := range sources {
		readers[file]--
	}
	for _, file := range slices.Sorted(maps.Keys(readers)) {
		switch n, isSource := readers[file], slices.Contains(sources, file); {
		case isSource && n == 0 && their.edit.file == "" && !assembler(file):
			their.edit, err = newEdit(file, added)
		case !isSource && n >= 2 && (their.header == "" || n < readers[their.header]):
			their.header = file
		}
	}
	if their.edit.file == "" && err == nil {
		err = errors.New("ninja compiles no source of the project")
	}
	return err
}

// assembler reports a source that the text of an edit does not fit.
func assembler(file string) bool { return strings.EqualFold(filepath.Ext(file), ".s") }

// readers counts by ninja's log of dependencies how many compiles read each file of the project,
// the compile of a source as well.
func (t *trial) readers(ctx context.Context) (map[string]int, error) {
	deps, err := t.command(ctx, t.buildDir(), t.env, "ninja", "-t", "deps")
	readers := make(map[string]int)
	for line := range strings.Lines(deps) {
		if file, ok := strings.CutPrefix(line, "    "); ok {
			if file = t.inBuildDir(strings.TrimSpace(file)); t.isOwn(file) {
				readers[file]++
			}
		}
	}
	return readers, err
}

// sourcesOf are the sources of all compiles that ninja has done.
func (t *trial) sourcesOf(ctx context.Context) (files []string, err error) {
	out, err := t.command(ctx, t.buildDir(), t.env, "ninja", "-t", "compdb")
	if err != nil {
		return nil, err
	}
	var all []struct{ File, Output string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, err
	}
	for _, c := range all {
		_, err := os.Stat(t.inBuildDir(c.Output))
		if err == nil && strings.HasSuffix(c.Output, ".o") && !strings.HasSuffix(c.File, ".o") {
			files = append(files, t.inBuildDir(c.File))
		}
	}
	return files, nil
}

func (t *trial) inBuildDir(file string) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(t.buildDir(), file)
}

// isOwn reports a file of the sources, not of the system and not made by the build.
func (t *trial) isOwn(file string) bool {
	return strings.HasPrefix(file, t.tree()+"/") && !strings.HasPrefix(file, t.buildDir()+"/")
}

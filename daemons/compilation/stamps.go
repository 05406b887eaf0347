package compilation

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// addStamps adds such facts to the set of a unit: of all files if one uses __TIMESTAMP__,
// and of files with #pragma once, or that may have been imported, that are copies of each
// other.
func (w *work) addStamps(seen *observation, set *snapshot.InputSet, gcc bool) {
	for _, f := range seen.stamped {
		w.addFact(set, f, snapshot.WrittenAt)
	}
	kind := snapshot.SameFile
	if gcc {
		kind = snapshot.SameTime
	}
	for _, twins := range copies(set.Files) {
		if !seen.imports {
			if text, err := w.s.texts.Scan(w.view, twins[0]); err != nil || !text.Once {
				continue
			}
		}
		for i, a := range twins {
			for _, b := range twins[i+1:] {
				w.addFact(set, a, kind+b)
			}
		}
	}
}

// addTimesOfAST adds when the inputs of a command were written, if it made or read a precompiled
// header or a module of clang's: those keep the times, and clang refuses one if a
// header has another time now ("has been modified since the precompiled header was built").
// Where one was only read, its own time does not matter, nor do those of the sources.
func (w *work) addTimesOfAST(outputs, sources []string, set *snapshot.InputSet) {
	made := slices.ContainsFunc(outputs, func(out string) bool { return isClangAST(w.view.Abs(out)) })
	isRead := func(f cache.Input) bool { return precompiled[filepath.Ext(f.Path)] && isClangAST(w.view.Abs(f.Path)) }
	if !made && !slices.ContainsFunc(set.Files, isRead) {
		return
	}
	for _, f := range set.Files {
		if made || !precompiled[filepath.Ext(f.Path)] && !slices.Contains(sources, f.Path) {
			w.addFact(set, f.Path, snapshot.WrittenAt)
		}
	}
}

// isClangAST reports whether a file is clang's serialized AST: it begins with "CPCH"
// (clang/lib/Frontend/ASTUnit.cpp, clang/Serialization/ASTReader.cpp).
func isClangAST(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "CPCH"
}

func (w *work) addFact(set *snapshot.InputSet, path, match string) {
	set.Listings = append(set.Listings, w.view.Predicate(path, match))
}

// copies lists the paths of equal content, where there are several.
func copies(files []cache.Input) (groups [][]string) {
	at := make(map[cache.Digest][]string, len(files))
	for _, f := range files {
		at[f.Digest] = append(at[f.Digest], f.Path)
	}
	for _, f := range files { // in the order of the files
		if paths := at[f.Digest]; len(paths) > 1 && paths[0] == f.Path {
			groups = append(groups, paths)
		}
	}
	return groups
}

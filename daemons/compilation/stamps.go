package compilation

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What compilers take from a file besides its content is kept among a set's listings,
// as facts.go says.
const (
	// writtenAt: Dir was written at Digest, in seconds since 1970, which __TIMESTAMP__
	// puts into the object.
	writtenAt = "@"
	// sameFile: Dir and the path that follows are one file. A header with #pragma once
	// is read once, and clang tells headers apart by device and inode
	// (clang/Basic/FileManager.h, UniqueID).
	sameFile = "="
	// sameTime: Dir and the path that follows were written in the same second: gcc takes
	// headers of equal time, size and content for one (libcpp/files.cc,
	// should_stack_file).
	sameTime = "~"
)

// addStamps adds such facts to the set of a unit: of files that use __TIMESTAMP__, and
// of files with #pragma once, or that may have been imported, that are copies of each
// other.
func (w *work) addStamps(seen *observation, set *inputSet, gcc bool) {
	for _, f := range seen.stamped {
		w.addFact(set, f, writtenAt)
	}
	kind := sameFile
	if gcc {
		kind = sameTime
	}
	for _, twins := range copies(set.files) {
		if !seen.imports {
			if text, err := w.s.texts.of(w.view, twins[0]); err != nil || !text.once {
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

// addTimesOfAST adds when the inputs of a command were written, if it made a precompiled
// header or a module of clang's: those keep the times, and clang refuses one of which a
// header has another time now ("has been modified since the precompiled header was built").
func (w *work) addTimesOfAST(outputs []string, set *inputSet) {
	if !slices.ContainsFunc(outputs, func(out string) bool { return isClangAST(w.view.abs(out)) }) {
		return
	}
	for _, f := range set.files {
		w.addFact(set, f.Path, writtenAt)
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

func (w *work) addFact(set *inputSet, path, match string) {
	l := cache.Listing{Dir: path, Match: match}
	l.Digest = w.view.stamp(l)
	set.listings = append(set.listings, l)
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

// otherOf is the second path of a fact about two, "" if it is about one.
func otherOf(l cache.Listing) string {
	if strings.HasPrefix(l.Match, sameFile) || strings.HasPrefix(l.Match, sameTime) {
		return l.Match[1:]
	}
	return ""
}

// isStamp reports whether a listing is a fact of this file.
func isStamp(l cache.Listing) bool { return l.Match == writtenAt || otherOf(l) != "" }

// stamp is the Digest that a fact has now.
func (v *view) stamp(l cache.Listing) string {
	sig := v.signature(l.Dir)
	if l.Match == writtenAt {
		return strconv.FormatInt(seconds(sig), 10)
	}
	other := v.signature(otherOf(l))
	same := sig.Dev == other.Dev && sig.Ino == other.Ino
	if strings.HasPrefix(l.Match, sameTime) {
		same = seconds(sig) == seconds(other)
	}
	return strconv.FormatBool(same)
}

func seconds(sig ipc.Signature) int64 { return sig.Mtime / 1e9 }

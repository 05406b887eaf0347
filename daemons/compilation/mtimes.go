package compilation

import (
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What compilers take from a file besides its content is kept among a set's listings,
// as predicates.go says.
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

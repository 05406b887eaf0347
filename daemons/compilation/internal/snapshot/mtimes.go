package snapshot

import (
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What compilers take from a file besides its content is kept among a set's listings,
// as predicates.go says.
const (
	// WrittenAt: Dir was written at Digest, in seconds since 1970, which __TIMESTAMP__
	// puts into the object.
	WrittenAt = "@"
	// SameFile: Dir and the path that follows are one file. A header with #pragma once
	// is read once, and clang tells headers apart by device and inode
	// (clang/Basic/FileManager.h, UniqueID).
	SameFile = "="
	// SameTime: Dir and the path that follows were written in the same second: gcc takes
	// headers of equal time, size and content for one (libcpp/files.cc,
	// should_stack_file).
	SameTime = "~"
)

// OtherOf is the second path of a fact about two, "" if it is about one.
func OtherOf(l cache.Listing) string {
	if strings.HasPrefix(l.Match, SameFile) || strings.HasPrefix(l.Match, SameTime) {
		return l.Match[1:]
	}
	return ""
}

// isStamp reports whether a listing is a fact of this file.
func isStamp(l cache.Listing) bool { return l.Match == WrittenAt || OtherOf(l) != "" }

// stamp is the Digest that a fact has now.
func (v *Tree) stamp(l cache.Listing) string {
	sig := v.Signature(l.Dir)
	if l.Match == WrittenAt {
		return strconv.FormatInt(seconds(sig), 10)
	}
	other := v.Signature(OtherOf(l))
	same := sig.Dev == other.Dev && sig.Ino == other.Ino
	if strings.HasPrefix(l.Match, SameTime) {
		same = seconds(sig) == seconds(other)
	}
	return strconv.FormatBool(same)
}

func seconds(sig ipc.Signature) int64 { return sig.Mtime / 1e9 }

package compilation

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What a process can learn of a path besides the content of a file and the names in a
// folder is kept among a set's listings, told by the Match, which is no pattern then.
// More of them are in mtimes.go.
const (
	// modeAndTime: Digest is the mode, modification time and owner of Dir, as
	// `test -x` and `test -nt` ask.
	modeAndTime = "?"
	// linkText: Digest is the text of the symbolic link Dir, wherever that leads.
	linkText = "'"
	// variable: Digest is the value of the environment variable Dir.
	variable = "$"
	// isFolder: Dir is a folder. A folder in the place of a header is passed over, so
	// a file that takes its place is found; what else is in it does not matter.
	isFolder = "/"
	// leadsTo: Dir, all links followed, is the path Digest, "" if it leads nowhere.
	// Compilers take names from there: of headers for debug information, of
	// installations for their search paths.
	leadsTo = "->"
)

// sameFact compares one listing with what is there, and says of which kind a
// difference is, "" = none.
func (v *view) sameFact(l cache.Listing) (kind string) {
	switch l.Match {
	case "":
		if v.names(l.Dir) == l.Digest {
			return ""
		}
		return ipc.CauseListing
	case isFolder:
		switch sig := v.signature(l.Dir); {
		case sig.IsDir():
			return ""
		case sig.Exists():
			return ipc.CauseAppeared // a file, where only a folder was
		}
		return ipc.CauseRemoved
	case leadsTo:
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.links.resolve(v.root, l.Dir) == l.Digest {
			return ""
		}
	default:
		if isAsked(l) && v.asked(l) == l.Digest {
			return ""
		}
	}
	return ipc.CauseChanged
}

// isAsked reports whether the digest of a listing is that of [view.asked].
func isAsked(l cache.Listing) bool {
	return l.Match == modeAndTime || l.Match == linkText || l.Match == variable || isStamp(l)
}

// isText begins the Digest of a linkText.
const isText = "->"

// asked is the Digest that a fact about a name has now.
func (v *view) asked(l cache.Listing) string {
	switch l.Match {
	case variable:
		for _, kv := range slices.Backward(v.env) {
			if name, value, _ := strings.Cut(kv, "="); name == l.Dir {
				return "=" + value
			}
		}
		return "unset"
	case linkText:
		text, err := os.Readlink(v.abs(l.Dir))
		if err != nil {
			return "" // no link
		}
		return isText + text
	}
	if isStamp(l) {
		return v.stamp(l)
	}
	sig := v.signature(l.Dir)
	return fmt.Sprintf("%o %d %s", sig.Mode, sig.Mtime, ownerOf(v.abs(l.Dir)))
}

// ancestors are the folders that lead to some paths, as spelled.
func ancestors(root string, lists ...[]string) map[string]bool {
	dirs := make(map[string]bool)
	for _, p := range slices.Concat(lists...) {
		if !filepath.IsAbs(p) {
			dirs[root] = true
		}
		for dir := path.Dir(p); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	return dirs
}

// askedFact is what can be learned of a path, or a variable, now.
func (v *view) askedFact(path, match string) cache.Listing {
	l := cache.Listing{Dir: path, Match: match}
	l.Digest = v.asked(l)
	return l
}

package snapshot

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What a process can learn of a path besides the content of a file and the names in a
// folder is kept among a set's listings, told by the Match, which is no pattern then.
// More of them are in mtimes.go.
const (
	// ModeAndTime: Digest is the mode, modification time and owner of Dir, as
	// `test -x` and `test -nt` ask, and how many names it has if there are several.
	ModeAndTime = "?"
	// ModeOnly: Digest is the mode and owner of Dir.
	ModeOnly = "%"
	// LinkText: Digest is the text of the symbolic link Dir, wherever that leads.
	LinkText = "'"
	// Variable: Digest is the text of the environment variable Dir, or of all whose names
	// fit Dir ([environment.Variables.Text]).
	Variable = "$"
	// IsFolder: Dir is a folder. A folder in the place of a header is passed over, so
	// a file that takes its place is found; what else is in it does not matter.
	IsFolder = "/"
	// LeadsTo: Dir, all links followed, is the path Digest, "" if it leads nowhere.
	// Compilers take names from there: of headers for debug information, of
	// installations for their search paths.
	LeadsTo = "->"
	// FoundAs: Digest is the path at which PATH leads to the program Dir, "" if it leads to none.
	FoundAs = "!"
)

// Differs compares one listing with what is there, and returns the kind of the
// difference, "" = none.
func (v *Tree) Differs(l cache.Listing) (kind string) {
	switch l.Match {
	case "":
		if v.Names(l.Dir) == l.Digest {
			return ""
		}
		return ipc.CauseListing
	case IsFolder:
		switch sig := v.Signature(l.Dir); {
		case sig.IsDir():
			return ""
		case sig.Exists():
			return ipc.CauseAppeared // a file, where only a folder was
		}
		return ipc.CauseRemoved
	case LeadsTo:
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.links.Resolve(v.Root, l.Dir) == l.Digest {
			return ""
		}
	default:
		if isAsked(l) && v.Value(l) == l.Digest {
			return ""
		}
		if l.Match == Variable {
			return ipc.CauseEnvironment
		}
	}
	return ipc.CauseChanged
}

// isAsked reports whether the digest of a listing is that of [Tree.Value].
func isAsked(l cache.Listing) bool {
	switch l.Match {
	case ModeAndTime, ModeOnly, LinkText, Variable, FoundAs:
		return true
	}
	return isStamp(l)
}

// IsText begins the Digest of a [LinkText].
const IsText = "->"

// Value is the Digest that a fact about a name has now.
func (v *Tree) Value(l cache.Listing) string {
	switch l.Match {
	case Variable:
		return v.Variables.Text(l.Dir)
	case FoundAs:
		return v.lookPath(l.Dir)
	case LinkText:
		text, err := os.Readlink(v.Abs(l.Dir))
		if err != nil {
			return "" // no link
		}
		return IsText + text
	}
	if isStamp(l) {
		return v.stamp(l)
	}
	sig := v.Signature(l.Dir)
	if l.Match == ModeOnly {
		return fmt.Sprintf("%o %s", sig.Mode, ownerOf(v.Abs(l.Dir)))
	}
	return fmt.Sprintf("%o %d %s", sig.Mode, sig.Mtime, ownerOf(v.Abs(l.Dir))) + linksOf(v.Abs(l.Dir))
}

// lookPath returns the first file by a name in the folders of PATH that may be executed.
func (v *Tree) lookPath(name string) string {
	for _, dir := range filepath.SplitList(ipc.EnvValue(v.Env, "PATH")) {
		file := filepath.Join(v.Abs(dir), name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// AddFound adds where PATH leads to for each program that was found, or looked for, in one of its
// folders.
func (v *Tree) AddFound(to *[]cache.Listing, files []string) {
	dirs := make(map[string]bool)
	for _, dir := range filepath.SplitList(ipc.EnvValue(v.Env, "PATH")) {
		dirs[filepath.Clean(v.Abs(dir))] = true
	}
	known := make(map[string]bool)
	for _, file := range files {
		dir, name := filepath.Split(v.Abs(file))
		if dirs[filepath.Clean(dir)] && !known[name] {
			known[name] = true
			*to = append(*to, v.Predicate(name, FoundAs))
		}
	}
}

// Ancestors are the folders that lead to some paths, as spelled.
func Ancestors(root string, lists ...[]string) map[string]bool {
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

// Predicate is what can be learned of a path, or a variable, now.
func (v *Tree) Predicate(path, match string) cache.Listing {
	l := cache.Listing{Dir: path, Match: match}
	l.Digest = v.Value(l)
	return l
}

// AddVariables adds variables of the environment, by name or pattern, as they are, that are
// not there yet.
func (v *Tree) AddVariables(to *[]cache.Listing, names []string) {
	known := make(map[string]bool, len(*to))
	for _, l := range *to {
		if l.Match == Variable {
			known[l.Dir] = true
		}
	}
	for _, name := range names {
		if !known[name] {
			known[name] = true
			*to = append(*to, v.Predicate(name, Variable))
		}
	}
}

package compilation

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// What a process can learn of a path besides the content of a file and the names in a
// folder is kept among a set's listings, told by the Match, which is no pattern then.
// More of them are in stamps.go.
const (
	// modeAndTime: Digest is the mode, modification time and owner of Dir, as
	// `test -x` and `test -nt` ask.
	modeAndTime = "?"
	// modeOnly: Digest is the mode and owner of Dir.
	modeOnly = "%"
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
	case modeAndTime, modeOnly, linkText, variable:
		if v.asked(l) == l.Digest {
			return ""
		}
	default:
		if isStamp(l) && v.stamp(l) == l.Digest {
			return ""
		}
	}
	return ipc.CauseChanged
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
	sig := v.signature(l.Dir)
	if l.Match == modeOnly {
		return fmt.Sprintf("%o %s", sig.Mode, ownerOf(v.abs(l.Dir)))
	}
	return fmt.Sprintf("%o %d %s", sig.Mode, sig.Mtime, ownerOf(v.abs(l.Dir)))
}

// links follows symbolic links, and looks at each component of all the paths that it is
// asked about once. The zero value is ready.
type links struct {
	targets map[string]string // of links, by their path without links; "" = not a link
	newest  int64             // when the last of the links may have been made, ns
	disks   stamps.Disks
}

// maxLinks is how many links the kernel follows on the way to a file.
const maxLinks = 40

// resolve returns where a path leads, as spell would write it, "" if nowhere.
func (l *links) resolve(root, p string) string {
	rest := p
	if !filepath.IsAbs(p) {
		rest = root + "/" + p
	}
	at := "/"
	for followed := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		switch name {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := join(at, name)
		target, there := l.target(next)
		if !there {
			return ""
		}
		if target == "" {
			at = next
			continue
		}
		if followed++; followed > maxLinks {
			return ""
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + rest
	}
	return spell(root, at)
}

// target returns what a link says, "" for anything else that is there.
func (l *links) target(p string) (target string, there bool) {
	if target, known := l.targets[p]; known {
		return target, target != nowhere
	}
	target = nowhere
	if info, err := os.Lstat(p); err == nil {
		target = ""
		if info.Mode()&os.ModeSymlink != 0 {
			l.newest = max(l.newest, l.disks.Latest(path.Dir(p), ipc.SignatureOf(info)))
			if target, err = os.Readlink(p); err != nil {
				target = nowhere
			}
		}
	}
	if l.targets == nil {
		l.targets = make(map[string]string)
	}
	l.targets[p] = target
	return target, target != nowhere
}

// nowhere stands for the target of a link that is missing; no link has this text.
const nowhere = "\x00"

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

// movedSince says, as a doubt, which folder that leads to a file was moved into place since
// the process started: the files in it keep their times. A folder that gains a name gets
// both times anew, one that is moved only that of its inode. A trace needs no such sign,
// it has the inode of each file that was opened.
func movedSince(about *subject, files []string) string {
	for dir := range ancestors(about.view.root, files) {
		abs := about.view.abs(dir)
		if sig := ipc.StatSignature(abs); about.view.disks.Latest(abs, sig) >= about.since && sig.Ctime != sig.Mtime {
			return dir + " was moved or changed while it was " + about.recipe.verb()
		}
	}
	return ""
}

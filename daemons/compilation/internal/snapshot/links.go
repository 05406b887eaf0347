package snapshot

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// Links follows symbolic links, and looks at each component of all the paths that it is
// asked about once. The zero value is ready.
type Links struct {
	targets map[string]string // of links, by their path without links; "" = not a link
	Newest  int64             // when the last of the links may have been made, ns
	disks   stamps.Disks
}

// maxLinks is how many links the kernel follows on the way to a file.
const maxLinks = 40

// Resolve returns where a path leads, as [Spell] writes it, "" if nowhere.
func (l *Links) Resolve(root, p string) string {
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
		next := Join(at, name)
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
	return Spell(root, at)
}

// target returns what a link says, "" for anything else that is there.
func (l *Links) target(p string) (target string, there bool) {
	if target, known := l.targets[p]; known {
		return target, target != nowhere
	}
	target = nowhere
	if info, err := os.Lstat(p); err == nil {
		target = ""
		if info.Mode()&os.ModeSymlink != 0 {
			l.Newest = max(l.Newest, l.disks.Latest(path.Dir(p), ipc.SignatureOf(info)))
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

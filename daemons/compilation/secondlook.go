package compilation

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// secondLook watches a process that makes an entry again by the second observer, which sees
// every system call. Entries were made under the preloaded object: what only the second
// observer sees is an input that the entry lacks.
type secondLook struct {
	tracers *tracers
	trace   *preload.Trace
}

// lookAgain has the second observer start a task. It returns nil where that cannot be done.
func (t *tracers) lookAgain(ctx context.Context, job *process.Task) *secondLook {
	lib, err := t.library(ctx, job.Args[0], job.Env)
	if err != nil { // the program is a script or a wrapper that the object cannot be built for
		lib, err = t.library(ctx, stepShell, job.Env)
	}
	if err != nil || lib.Observer == "" {
		return nil
	}
	trace, err := preload.NewTrace()
	if err != nil {
		return nil
	}
	job.Starter = lib.StarterOfAll(trace)
	return &secondLook{t, trace}
}

func (l *secondLook) close() {
	if l != nil {
		_ = l.trace.Close()
	}
}

// missing is the first file that the process read and that is no input of the suspect, ""
// if there is none or not all was seen. It is asked after the process has ended.
func (l *secondLook) missing(x suspect, outputs []string) string {
	if l == nil || x.unobserved {
		return ""
	}
	o := l.tracers.reader(x.root).Observe(l.trace, outputs, nil)
	if !o.Complete {
		return ""
	}
	known := make(map[string]bool, len(x.set.Files))
	for _, f := range x.set.Files {
		known[realPath(x.root, f.Path)] = true
	}
	for _, p := range o.Read {
		if slices.Contains(o.Written, p) || isMachinery(p) {
			continue
		}
		if real := realPath(x.root, p); !known[real] && !x.programs[real] && !readBySystem().MatchString(real) {
			return p
		}
	}
	return ""
}

// realPath is a path of a record, absolute and with its links resolved as far as it is there.
func realPath(root, p string) string {
	if !filepath.IsAbs(p) {
		p = filepath.Join(root, p)
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return filepath.Clean(p)
}

// readBySystem fits files that the C library and the dynamic loader read by themselves:
// libraries, catalogues of messages, the time zone, names of users, and what the kernel tells
// of the machine. They belong to the system (docs/correctness.md), or count by another rule.
var readBySystem = lazyregexp.New(`^/(proc|sys|dev)/` +
	`|^(/usr)?/lib(32|64|x32)?/([^/]*/)*[^/]*\.so(\.[0-9.]+)*$|^/etc/ld\.so\.(cache|preload|nohwcap)$` +
	`|^/usr/(lib|share)/locale/|^/etc/locale\.alias$|\.mo$|/gconv/|/gconv-modules` +
	`|^/etc/(localtime|timezone|nsswitch\.conf|passwd|group|host\.conf|resolv\.conf|hosts)$|^/usr/share/zoneinfo/`)

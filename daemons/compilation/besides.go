package compilation

import (
	"cmp"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// besides are the files that an action wrote beside its declared outputs and left beneath
// the project or the build folder. why says why the result may not be stored because of
// them, "" if it may.
func (w *work) besides(t *attempt, seen *observation) (paths []string, why string) {
	if seen.way != byTrace {
		return w.usualBesides(t)
	}
	if t.command != nil && !t.command.isOurs() {
		return w.besidesOfOthers(t, seen)
	}
	for _, p := range seen.written {
		if slices.Contains(t.outputs, p) || !w.isBeneath(p) || isNoOutput(p) || !outputSignature(w.view.Abs(p)).Exists() {
			continue
		}
		one := seen.writes[p]
		if one.Declared || one.Appended && t.command == nil && !slices.Contains(t.beside, p) {
			continue // a log that each run appends to is no output
		}
		if one.Updated {
			why = cmp.Or(why, "it adds to "+p)
		}
		if t.command != nil {
			if not := w.notOfCommand(t, p, one); not != "" {
				why = cmp.Or(why, not)
				continue
			}
		}
		paths = append(paths, p)
	}
	return append(paths, seen.kept...), why
}

// wroteBefore reports whether the command made the file when it ran before: by its record, by
// what the caller knows, or by what the cache has of it. A process beside the daemons has no
// records, and the cache may have been emptied.
func (w *work) wroteBefore(t *attempt, p string) bool {
	if t.rec != nil && slices.Contains(t.rec.Beside, p) || slices.Contains(t.command.wrote, p) {
		return true
	}
	return slices.ContainsFunc(w.s.store.InputSets(t.base), func(set cache.InputSet) bool {
		e, _ := w.s.store.Get(set.Action)
		if e == nil {
			return false
		}
		_, made := e.Output(besidePrefix + p)
		return made
	})
}

// sameContent reports whether a file is as it was, but for its mode and its names.
func sameContent(a, b ipc.Signature) bool {
	return a.Exists() && a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtime == b.Mtime
}

// keepOwn finds the files beside its outputs that a command of ours made before, and that it read
// this time and left as they are: they are outputs still, and no inputs. As with a declared output
// that is read, the result is not stored.
func (w *work) keepOwn(t *attempt, seen *observation) {
	if t.command == nil || !t.command.isOurs() || seen.way != byTrace {
		return
	}
	seen.files = slices.DeleteFunc(seen.files, func(p string) bool {
		own := w.isBuilt(p) && !slices.Contains(t.outputs, p) && !slices.Contains(seen.written, p) && w.wroteBefore(t, p)
		if own {
			seen.kept = append(seen.kept, p)
			seen.uncacheable = cmp.Or(seen.uncacheable, "it reads its own output "+p)
		}
		return own
	})
}

// notOfCommand says why a file that a command wrote and did not declare is no output of it,
// "" if it is one: it lies beneath the build folder, was not there before, and belongs to
// no other action.
func (w *work) notOfCommand(t *attempt, p string, one preload.Write) string {
	if !w.isBuilt(p) {
		return "it writes " + p + ", which it does not declare"
	}
	if (one.Replaced || one.Updated) && !w.wroteBefore(t, p) {
		return "it writes " + p + ", which was there before and which it does not declare"
	}
	if maker := w.s.records.maker(p); maker != "" && maker != t.id {
		return "it writes " + p + ", as " + maker + " does"
	}
	return ""
}

// usualEndings are those of what compilers write beside an object.
var usualEndings = [...]string{".dwo", ".gcno", ".su", ".ci", ".opt.yaml", ".json"}

// usualBesides finds what compilers usually write beside an object, where no trace tells
// what was written. Such a result is not stored: there may be more.
func (w *work) usualBesides(t *attempt) (paths []string, why string) {
	if t.writing != underName {
		return nil, ""
	}
	base := strings.TrimSuffix(t.outputs[0], path.Ext(t.outputs[0]))
	for _, ending := range usualEndings {
		if outputSignature(w.view.Abs(base + ending)).Exists() {
			paths = append(paths, base+ending)
		}
	}
	return paths, t.named + " may make more files than the output, and what is written cannot be seen"
}

// isNoOutput reports files that no action is said to make: compiled Python, profiles that a
// program writes when it runs, git's index, our own state and temporary files.
func isNoOutput(p string) bool {
	return isMachinery(p) || strings.HasPrefix(path.Base(p), temporaryPrefix)
}

// isMachinery reports files that tools keep for themselves.
func isMachinery(p string) bool {
	switch path.Ext(p) {
	case ".pyc", ".gcda", ".profraw":
		return true
	}
	for _, part := range []string{"/__pycache__/", "/.git/index", "/.replibuild/"} {
		if strings.Contains("/"+p+"/", part) {
			return true
		}
	}
	return false
}

// foreignFile says, as a doubt, that a file that lies in an output's place is not the one
// that the trace saw there.
func (w *work) foreignFile(seen *observation, made []madeFile) string {
	for _, m := range made {
		wrote := seen.writes[snapshot.Spell(w.root, m.at)].File
		if wrote == (preload.Stamp{}) {
			continue
		}
		sig := ipc.SignatureOf(m.info)
		is, err := os.Lstat(m.at)
		if err != nil || !os.SameFile(is, m.info) || sig.Dev != wrote.Dev || sig.Ino != wrote.Ino {
			return "another process wrote " + m.path
		}
	}
	return ""
}

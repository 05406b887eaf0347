package compilation

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// Commands of another build system are run as that one would run them: over what is there, as
// often as it says, until they end by themselves. What such a command made is used again only if
// all of this holds; else the command leaves no record:
//
//   - everything that it read was seen, and nothing of it is the time, an answer through a socket, or
//     the earlier content of a file that it then wrote;
//   - each declared output is a regular file now, and the command has made it;
//   - whatever else it left is recorded with the declared outputs, wherever it lies.
//
// A result is stored only if its programs are pure, and it made nothing beside its declared outputs
// but new regular files beneath the build folder.

// besidesOfOthers are the files that such a command wrote and did not declare. why says why the
// result may not be stored because of them.
func (w *work) besidesOfOthers(t *attempt, seen *observation) (paths []string, why string) {
	caches := compilerCaches(w.env, w.root)
	for _, p := range seen.written {
		inCache := slices.ContainsFunc(caches, func(dir string) bool { return strings.HasPrefix(p, dir+"/") })
		if slices.Contains(t.outputs, p) || inCache || isNoOutput(p) || !outputSignature(w.view.Abs(p)).Exists() {
			continue
		}
		paths = append(paths, p)
		one := seen.writes[p]
		maker := w.s.records.maker(p)
		switch {
		case !w.isBeneath(p):
			why = cmp.Or(why, "it writes "+p+", which lies outside of the build folder")
		case one.Replaced && !w.wroteBefore(t, p):
			why = cmp.Or(why, "it writes "+p+", which was there before and which it does not declare")
		case maker != "" && maker != t.id:
			why = cmp.Or(why, "it writes "+p+", as "+maker+" does")
		}
	}
	return paths, why
}

// whyOnlyOnce says why the result of such a command may not be used again, "" if it may.
func (w *work) whyOnlyOnce(t *attempt, seen *observation, doubt string) string {
	why := cmp.Or(seen.uncacheable, doubt)
	for _, out := range t.outputs {
		switch info, err := os.Lstat(w.view.Abs(out)); {
		case err != nil:
			why = cmp.Or(why, out+" was not made")
		case !info.Mode().IsRegular():
			why = cmp.Or(why, out+" is no regular file")
		}
	}
	return why
}

// ranOnce is the result of a command that leaves no record.
func (w *work) ranOnce(t *attempt, p product, reason ipc.Reason, why string) result {
	w.s.log.Debug("a command will run again", "id", t.id, "why", why)
	w.s.records.drop(t.id)
	w.s.saver.changed()
	return result{ActionResult: ipc.ActionResult{
		ID: t.id, Status: ipc.StatusCompiled, Changed: true, Reason: reason, Diagnostics: p.outcome.Output,
		Seconds: p.outcome.Seconds, CPU: p.outcome.CPU, Peak: p.outcome.Peak,
	}}
}

// addStampTimes adds the times of declared inputs that are empty: such a file says only when it
// was written.
func (w *work) addStampTimes(c *command, set *snapshot.InputSet) {
	for _, in := range c.inputs {
		if w.view.Signature(in).Size == 0 {
			w.addFact(set, in, snapshot.WrittenAt)
		}
	}
}

// onceOnly says that a command of another build system would not do the same a second time. A
// declared output that is empty afterwards is a stamp, which got a new time.
func (w *commandTracking) onceOnly(o preload.Observation) string {
	outputs, v := w.about.outputs, w.about.view
	pure := w.about.command.reuse == ipc.ReuseStored
	for p, one := range o.Writes {
		isNew := !one.Replaced && !one.Updated && !one.Declared
		switch declared, read := slices.Contains(outputs, p), slices.Contains(o.OwnRead, p); {
		case !pure && isNew && slices.Contains(o.OwnMissed, p) && !isNoOutput(p):
			return "it looked whether " + p + " was there" // and may do something else now
		case declared && (one.Updated || one.Declared) && isEmptyFile(v.Abs(p)):
		case one.Updated && !isNoOutput(p):
			return "it adds to " + p
		case declared && one.Declared && !read:
			return "it left " + p + " as it was"
		case declared && read && !one.Declared:
			return "it reads its own output " + p
		}
	}
	return ""
}

func isEmptyFile(path string) bool {
	sig := outputSignature(path)
	return sig.Exists() && sig.Size == 0
}

// addMadeNames adds the folders and links that such a command made and left, as facts: they must be
// there when it is skipped. A folder in which it left something else is there with that. A result
// with one is not stored.
func (w *commandTracking) addMadeNames(o preload.Observation, seen *observation) {
	v := w.about.view
	for _, p := range o.Written {
		info, err := os.Lstat(v.Abs(p))
		if err != nil || info.Mode().IsRegular() || slices.Contains(w.about.outputs, p) || isNoOutput(p) {
			continue
		}
		if info.IsDir() {
			if !slices.ContainsFunc(o.Written, func(other string) bool { return strings.HasPrefix(other, p+"/") }) {
				seen.listings = append(seen.listings, cache.Listing{Dir: p, Match: snapshot.IsFolder})
				seen.notStored = cmp.Or(seen.notStored, "it makes the folder "+p)
			}
			continue
		}
		seen.listings = append(seen.listings, v.Predicate(p, snapshot.LinkText))
		seen.notStored = cmp.Or(seen.notStored, "it makes "+p+", which is no regular file")
	}
}

package compilation

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// writing is how the tool of an action writes its outputs.
type writing int

const (
	// privately: under a name that no other process knows. The finished file is renamed.
	privately writing = iota
	// underName: under their own names, because the tool puts a name into what it writes, or
	// makes the names of further files of it. Old files are renamed aside before.
	underName
	// overOld: under their own names and over the old files, which commands may read.
	overOld
)

// outputFiles are the outputs of an action while its tool runs.
type outputFiles struct {
	*work
	action *action
	given  string // the main output's name on the tool's command line
	path   string // the same, absolute
	unlock func()
	old    map[string]string // absolute path of an output: where the old file is meanwhile
	left   map[string]bool   // what runs that were no success wrote, and whether something was there before
}

// openOutputs makes the folders of an action's outputs and prepares their places. close
// must follow.
func (w *work) openOutputs(ctx context.Context, t *attempt) (*outputFiles, error) {
	f := &outputFiles{work: w, action: t.action, unlock: func() {}, old: make(map[string]string)}
	if t.command != nil {
		if err := t.command.check(w, t.id); err != nil {
			return nil, err
		}
	}
	for _, out := range t.outputs {
		if info, err := os.Lstat(w.view.Abs(out)); err == nil && info.IsDir() && t.command == nil {
			return nil, fmt.Errorf("a folder is where %s has to be; remove it", out)
		}
		if err := w.makeFolder(filepath.Dir(w.view.Abs(out)) + "/"); err != nil {
			return nil, fmt.Errorf("make a place for %s: %w", out, err)
		}
	}
	if t.writing == privately {
		f.path = w.privateName(t.outputs[0])
		f.given = f.path
		return f, nil
	}
	f.given, f.path = t.outputs[0], w.view.Abs(t.outputs[0])
	var err error
	if f.unlock, err = w.lockOutputs(ctx, t.action, t.rec); err != nil {
		return nil, err
	}
	if t.writing == overOld {
		if t.command.isOurs() {
			f.removeForeign()
		}
		return f, nil
	}
	if err := f.setAside(t.rec); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// privateName is a name beside an output that no other process knows.
func (w *work) privateName(output string) string {
	dir, name := filepath.Split(w.view.Abs(output))
	w.s.sweeper.sweep(dir)
	return dir + temporaryPrefix + w.s.lease.Token() + rand.Text() + ending(name)
}

// setAside renames the old files, so that the tool makes new ones and the old ones can be
// put back.
func (f *outputFiles) setAside(rec *record) error {
	paths := slices.Clone(f.action.outputs)
	if rec != nil && rec.Uncacheable == "" {
		paths = append(paths, f.ours(rec, rec.Beside)...)
	}
	return f.rename(paths)
}

// rename renames files of outputs aside.
func (f *outputFiles) rename(paths []string) error {
	for _, p := range paths {
		path := f.view.Abs(p)
		aside := f.privateName(p)
		if err := os.Rename(path, aside); err == nil {
			f.old[path] = aside
		} else if !os.IsNotExist(err) {
			return fmt.Errorf("make a place for %s: %w", p, err)
		}
	}
	return nil
}

// removeForeign removes from the places of outputs whatever is not a regular file: a command
// would write through it.
func (f *outputFiles) removeForeign() {
	for _, out := range f.action.outputs {
		if path := f.view.Abs(out); !isOwnFile(path) {
			_ = os.Remove(path) // a folder stays, and the command will say what it thinks of it
		}
	}
}

// close removes what was not delivered, and puts back what was set aside.
func (f *outputFiles) close() {
	if f.action.writing == privately {
		_ = os.Remove(f.path) // mostly gone already
	}
	for path, aside := range f.old {
		_ = os.Rename(aside, path)
	}
	f.unlock()
}

// writer is a tracking that knows what a process wrote, also of one that failed.
type writer interface {
	// wrote returns the paths, and whether something was there before.
	wrote() map[string]bool
}

// clearAfter removes what a tool left that failed, was ended or runs again, and notes what
// stays: the log of outputs knows a file by the signature that it had before.
func (f *outputFiles) clearAfter(o process.Outcome, tracked tracking) {
	if f.action.writing == privately {
		clearAfter(o, f.path)
		return
	}
	if t := f.action.command; t != nil && !t.isOurs() {
		return // its build system knows what is left
	}
	var wrote map[string]bool
	if w, ok := tracked.(writer); ok {
		wrote = w.wrote()
	}
	if f.action.writing == underName {
		f.removeMade(wrote)
	}
	for p, before := range wrote {
		f.noteLeft(p, before)
	}
}

// removeMade removes the outputs that a failed tool made, and what it made beside them. An old
// file comes back in close.
func (f *outputFiles) removeMade(wrote map[string]bool) {
	made := slices.Clone(f.action.outputs)
	for p, before := range wrote {
		if !before {
			made = append(made, p)
		}
	}
	for _, p := range made {
		if f.isBeneath(p) {
			_ = os.Remove(f.view.Abs(p))
		}
	}
}

// noteLeft notes a file that a run wrote. What an earlier run made is the action's own.
func (f *outputFiles) noteLeft(p string, before bool) {
	if !f.isBuilt(p) || isNoOutput(p) {
		return
	}
	if f.left == nil {
		f.left = make(map[string]bool)
	}
	if earlier, known := f.left[p]; known {
		before = earlier
	}
	f.left[p] = before
}

// signLeft signs what runs that were no success wrote and left. seen is what the last one did,
// if that is known. It is called before close: an old file that comes back is not among them.
func (f *outputFiles) signLeft(seen *observation) (left []ipc.LeftFile) {
	if seen != nil && f.action.writing != privately {
		for _, p := range seen.written {
			f.noteLeft(p, wasThere(seen.writes[p]))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(f.left)) {
		if sig := outputSignature(f.view.Abs(p)); sig.Exists() {
			left = append(left, ipc.LeftFile{File: ipc.FileSig{Path: p, Sig: sig}, Before: f.left[p]})
		}
	}
	return left
}

// plainNames puts the output's own name into what a tool printed.
func (f *outputFiles) plainNames(text string) string {
	if f.action.writing != privately {
		return text
	}
	return strings.ReplaceAll(text, f.path, f.action.outputs[0])
}

// madeFile is an output that was made, open.
type madeFile struct {
	path   string // as it is spelled
	at     string // where it lies now, absolute
	file   *os.File
	info   os.FileInfo
	digest cache.Digest
}

func closeAll(files []madeFile) {
	for _, m := range files {
		m.file.Close()
	}
}

// openAll opens and hashes the declared outputs and those beside them. An error names a
// declared output that was not made.
func (f *outputFiles) openAll(beside []string) (files []madeFile, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	for i, out := range f.action.outputs {
		at := f.view.Abs(out)
		if i == 0 {
			at = f.path
		}
		m, err := openMade(out, at)
		if err != nil {
			return files, err
		}
		files = append(files, m)
	}
	for _, p := range beside {
		if m, err := openMade(p, f.view.Abs(p)); err == nil { // else it is gone meanwhile
			files = append(files, m)
		}
	}
	return files, nil
}

// notMade is the error of an output that is not there, or is no regular file.
type notMade struct{ path string }

func (e *notMade) Error() string { return e.path + " was not made" }

func openMade(path, at string) (madeFile, error) {
	m := madeFile{path: path, at: at}
	info, err := os.Lstat(at)
	if err != nil || !info.Mode().IsRegular() {
		return m, &notMade{path}
	}
	if m.file, err = os.Open(at); err != nil {
		return m, err
	}
	if m.info, err = m.file.Stat(); err == nil {
		m.digest, err = cache.HashOpen(m.file)
	}
	if err != nil {
		m.file.Close()
	}
	return m, err
}

// deliver puts the outputs in their places. A file with the content and permissions of the
// old one is left out: the old one stays, so that its times say that nothing has changed.
func (f *outputFiles) deliver(files []madeFile, before []cache.Digest) error {
	if f.action.writing == privately {
		final := f.view.Abs(f.action.outputs[0])
		if files[0].digest == before[0] && sameMode(final, uint32(files[0].info.Mode().Perm())) {
			return nil
		}
		return f.s.store.Replace(f.path, final)
	}
	for _, m := range files {
		if aside, ok := f.old[m.at]; ok && isSame(aside, m) {
			if err := os.Rename(aside, m.at); err != nil {
				return err
			}
			delete(f.old, m.at)
		}
	}
	f.dropOld(files)
	return nil
}

// isSame reports whether a file has the content and permissions of one that was made.
func isSame(path string, m madeFile) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != m.info.Size() || info.Mode() != m.info.Mode() {
		return false
	}
	sum, _, err := cache.HashFile(path)
	return err == nil && sum == m.digest
}

// dropOld removes the old files that were replaced, and those beneath the build folder that
// the action makes no more.
func (f *outputFiles) dropOld(files []madeFile) {
	for path, aside := range f.old {
		made := slices.ContainsFunc(files, func(m madeFile) bool { return m.at == path })
		if made || f.isBuilt(snapshot.Spell(f.root, path)) {
			_ = os.Remove(aside)
			delete(f.old, path)
		}
	}
}

// isBeneath reports whether a path lies beneath the project or the build folder.
func (w *work) isBeneath(p string) bool {
	return !filepath.IsAbs(p) && filepath.IsLocal(p) || w.isBuilt(p)
}

// isBuilt reports whether a path lies beneath the build folder.
func (w *work) isBuilt(p string) bool {
	return w.buildDir != "" && strings.HasPrefix(p, strings.TrimSuffix(w.buildDir, "/")+"/")
}

// recordOutputs signs what lies in its place now.
func (w *work) recordOutputs(t *attempt, rec *record, files []madeFile) {
	for _, m := range files {
		sig := outputSignature(w.view.Abs(m.path))
		w.s.digests.Trust(sig, m.digest)
		w.view.Forget(m.path)
		rec.Outputs = append(rec.Outputs, outputRecord{Path: m.path, Sig: sig, Digest: m.digest})
	}
	for _, m := range files[len(t.outputs):] {
		rec.Beside = append(rec.Beside, m.path)
	}
	w.removeLeft(t, rec)
	w.remember(t, rec)
}

// removeLeft removes the files beneath the build folder that the action made before and
// makes no more.
func (w *work) removeLeft(t *attempt, rec *record) {
	if t.rec == nil {
		return
	}
	left := slices.DeleteFunc(slices.Clone(t.rec.Beside), func(p string) bool { return rec.output(p) != nil || !w.isBuilt(p) })
	for _, p := range w.ours(t.rec, left) {
		if w.s.records.maker(p) == t.id {
			_ = os.Remove(w.view.Abs(p))
		}
	}
}

// ours are the paths at which files lie that have the content that a record says.
func (w *work) ours(rec *record, paths []string) (out []string) {
	for _, p := range paths {
		if o := rec.output(p); o != nil && w.contentOf(p, rec) == o.Digest {
			out = append(out, p)
		}
	}
	return out
}

// changed reports whether a declared output has another content than before.
func (t *attempt) changed(digestOf func(i int) cache.Digest) bool {
	for i := range t.outputs {
		if digestOf(i) != t.before[i] {
			return true
		}
	}
	return false
}

// contentsOf returns the content of each declared output as it is.
func (w *work) contentsOf(a *action, rec *record) (out []cache.Digest) {
	for _, p := range a.outputs {
		out = append(out, w.contentOf(p, rec))
	}
	return out
}

// contentOf returns the content of an output as it is, zero if there is no file of its own:
// a link is none.
func (w *work) contentOf(output string, rec *record) cache.Digest {
	path := w.view.Abs(output)
	sig := outputSignature(path)
	if !sig.Exists() {
		return cache.Digest{}
	}
	if known := rec.output(output); known != nil && known.Sig == sig {
		return known.Digest
	}
	is, err := w.s.digests.Hash(path, sig)
	if err != nil {
		return cache.Digest{}
	}
	return is.Digest
}

// mainBytes is the size of the main output.
func mainBytes(outputs []outputRecord) int64 {
	if len(outputs) == 0 {
		return 0
	}
	return outputs[0].Sig.Size
}

// lockOutputs takes the locks of an action's outputs, of what lies beside them and of what
// its command line names.
func (w *work) lockOutputs(ctx context.Context, a *action, rec *record) (unlock func(), err error) {
	paths := slices.Concat(a.outputs, a.beside)
	if rec != nil {
		paths = append(paths, rec.Beside...)
	}
	for i, p := range paths {
		paths[i] = filepath.Clean(w.view.Abs(p))
	}
	return w.s.outputLocks.lock(ctx, paths)
}

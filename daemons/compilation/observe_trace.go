package compilation

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// traceTracker observes processes by a trace of what they do to files. What it saw becomes
// inputs as follows:
//
//   - what was read or asked about, and the programs that ran: files, by content. That
//     the content of what was only asked about matters is too careful, and simple;
//   - what was not there: misses;
//   - folders whose names were read: listings;
//   - other folders that were asked about: that they are folders (snapshot.IsFolder), unless a
//     file beneath them was read, which says so, or an argument names them, because a
//     folder that is searched and gone is one without files;
//   - links: where they lead to (snapshot.LeadsTo).
//
// Of programs that are not the toolchain's own (a wrapper, a shell, what they start) more is
// an input: mode and times of what they asked about, the text of links, the libraries that
// they were loaded with, PATH. A compiler's result does not depend on these. Of a driver of
// gcc that a wrapper runs, mode and times are none.
//
// The depfile tracker runs too: a dependency file costs next to nothing. A file that it
// names and the trace does not have shows that the trace has a gap, as does a compile without a compiler (a wrapper that takes the object
// from a cache of its own). A result with an incomplete trace is in doubt: it is delivered, not
// stored, and made again by the next build.
type traceTracker struct {
	tracers *tracers
	depfile tracker // of the tool's dependency file; also the fallback
}

func (d *traceTracker) track(ctx context.Context, t *process.Task, about *subject) (tracking, error) {
	exe := t.Args[0]
	lib, err := d.tracers.library(ctx, exe, t.Env)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var trace *preload.Trace
	if err == nil { // else status has the reason
		if trace, err = preload.NewTrace(); err != nil {
			d.tracers.note(exe, err.Error())
		}
	}
	about.asIs = about.asIs && err == nil
	depfile, derr := d.depfile.track(ctx, t, about)
	if derr != nil {
		if trace != nil {
			_ = trace.Close()
		}
		return nil, derr
	}
	if err != nil {
		return newWithoutTrace(depfile, t, about, err), nil
	}
	t.Env, t.Library, t.Starter = lib.Env(t.Env, trace), &lib, lib.Starter(trace)
	return &traceTracking{tracking: depfile, tracers: d.tracers, about: about, trace: trace, exe: exe, library: lib.Path}, nil
}

// withoutTrace observes a process that could not be traced. The dependency file of a
// compiler is believed; that of a wrapper is not.
type withoutTrace struct {
	tracking
	about *subject
	exe   string
	why   error
}

// untracedStarter is a tracking that prepares the task further if there is no trace.
type untracedStarter interface{ untraced(t *process.Task) }

func newWithoutTrace(depfile tracking, t *process.Task, about *subject, why error) *withoutTrace {
	if l, ok := depfile.(untracedStarter); ok {
		l.untraced(t)
	}
	return &withoutTrace{depfile, about, t.Args[0], why}
}

func (w *withoutTrace) collect(ctx context.Context) (*observation, error) {
	seen, err := w.tracking.collect(ctx)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(w.exe); err != nil || !w.about.programs[real] {
		seen.doubt = cmp.Or(seen.doubt, fmt.Sprintf("what %s reads cannot be seen: %v", w.exe, w.why))
	}
	return seen, nil
}

type traceTracking struct {
	tracking // by the dependency file
	tracers  *tracers
	about    *subject
	trace    *preload.Trace
	exe      string
	library  string
}

func (w *traceTracking) close() {
	_ = w.trace.Close()
	w.tracking.close()
}

// rejected reports whether the loader or a sanitizer's runtime complained.
func (w *traceTracking) rejected(o process.Outcome) bool {
	if !complains(o, w.library) {
		return w.tracking.rejected(o)
	}
	if ipc.StatSignature(w.library).Exists() { // else it is built again
		w.tracers.refuse(w.exe, firstLine(o.Output))
	}
	return true
}

// complains reports whether the loader or a sanitizer's runtime says that the library is in
// its way (glibc's elf/rtld.c and elf/dl-load.c; compiler-rt's asan_linux.cpp). A process
// that shows its environment names the library as well.
func complains(o process.Outcome, library string) bool {
	return strings.Contains(o.Output, "object '"+library+"' from LD_PRELOAD cannot be preloaded") ||
		strings.Contains(o.Output, "runtime does not come first in initial library list")
}

func (w *traceTracking) collect(ctx context.Context) (*observation, error) {
	reader := w.tracers.reader(w.about.view.Root)
	o := reader.Observe(w.trace, []string{w.about.output}, w.about.programs)
	seen := &observation{way: byTrace}
	if t, ok := w.tracking.(selfReport); ok && o.Complete {
		if report := t.reported(o.Read); report != nil {
			o.WhyNot = unseen(reader, w.about.view, o, report.files)
			seen.doubt, seen.clock = report.doubt, report.clock
			seen.stamped, seen.imports = report.stamped, report.imports
		}
	}
	why := cmp.Or(o.WhyNot, w.noCompiler(o), ownState(o))
	w.tracers.note(w.exe, why)
	if why == "" {
		w.translate(o, seen)
		return seen, nil
	}
	seen, err := w.tracking.collect(ctx)
	if err != nil {
		return nil, err
	}
	seen.doubt = cmp.Or(seen.doubt, "not all that "+w.exe+" read was seen: "+why)
	return seen, nil
}

// unseen says which file the tool read although the trace does not have it. Clang names the
// operand of a true __has_embed, which it only asks about; that is an input by its content too.
func unseen(reader *preload.Reader, v *snapshot.Tree, o preload.Observation, reported []string) string {
	known := make(map[string]bool, len(o.Read)+len(o.Seen)+len(o.Written))
	for _, p := range slices.Concat(o.Read, o.Seen, o.Written) {
		known[p] = true
	}
	for _, p := range reported {
		if p = reader.Spell(v.Abs(snapshot.WithoutProc(p))); known[p] {
			continue
		}
		// gcc reports headers of the system by a shorter name than the one it opened.
		sig := v.Signature(p)
		if !slices.ContainsFunc(o.Read, func(r string) bool { return path.Base(r) == path.Base(p) && v.Signature(r) == sig }) {
			return "the trace does not have " + p + ", which was read"
		}
	}
	return ""
}

// wrote returns what was written, and whether something was there before.
func (w *traceTracking) wrote() map[string]bool {
	o := w.tracers.reader(w.about.view.Root).Observe(w.trace, nil, w.about.programs)
	paths := make(map[string]bool, len(o.Written))
	for _, p := range o.Written {
		paths[p] = wasThere(o.Writes[p])
	}
	return paths
}

func wasThere(one preload.Write) bool { return one.Replaced || one.Updated }

// noCompiler says that a compile ran without its compiler.
func (w *traceTracking) noCompiler(o preload.Observation) string {
	kind := w.about.recipe.Kind
	if kind != "c" && kind != "c++" {
		return ""
	}
	name := "clang"
	switch {
	case w.about.gcc && isPreprocessed(w.about.source):
		name = "as" // which has no preprocessor to run before it
	case w.about.gcc:
		name = "cc1"
	}
	for _, exe := range o.Executed {
		real, err := filepath.EvalSymlinks(w.about.view.Abs(exe))
		if err == nil && strings.Contains(filepath.Base(real), name) {
			return ""
		}
	}
	return "no " + name + " was run"
}

// ownState says that a tool read a file and then wrote it, as those do that keep
// something from one run to the next. What it read is not there any more.
func ownState(o preload.Observation) string {
	for _, p := range o.Read {
		if slices.Contains(o.Written, p) {
			return p + " was read and then written"
		}
	}
	return ""
}

// translate turns what a trace has into inputs.
func (w *traceTracking) translate(o preload.Observation, seen *observation) {
	if len(o.Volatile) > 0 {
		seen.uncacheable = cmp.Or(seen.uncacheable, o.Volatile[0]+" was read")
	}
	if o.Connected {
		seen.uncacheable = cmp.Or(seen.uncacheable, "another program was asked through a socket")
	}
	seen.files = slices.DeleteFunc(slices.Concat(o.Read, o.Seen, o.Executed, w.foreignPrograms(o)), w.isOurs)
	seen.misses = slices.DeleteFunc(o.Missed, w.isOurs)
	for _, p := range seen.misses {
		if slices.Contains(o.Read, p) {
			seen.doubt = cmp.Or(seen.doubt, p+" appeared while it was "+w.about.recipe.verb())
		}
	}
	seen.written, seen.writes, seen.ownRead = o.Written, o.Writes, o.OwnRead
	seen.stamps = make(map[string]ipc.Signature, len(o.Stamps))
	for p, s := range o.Stamps {
		seen.stamps[p] = ipc.Signature(s)
	}
	w.addListings(o, seen)
	w.addFolders(o, seen)
	w.addLinks(o, seen)
	w.addClock(o, seen)
	w.addAsked(o, seen)
	w.addVariables(o, seen)
}

// foreignPrograms are the programs that ran and are not the toolchain's own.
func (w *traceTracking) foreignPrograms(o preload.Observation) (files []string) {
	for _, p := range o.Programs {
		if !w.about.programs[p] && !slices.Contains(files, p) {
			files = append(files, p)
		}
	}
	return files
}

// isOurs reports files that we made for the process, and what tools make beside the output
// under names that begin with its temporary one.
func (w *traceTracking) isOurs(p string) bool {
	if w.about.hidden.hides(p) {
		return true
	}
	abs := w.about.view.Abs(p)
	if slices.Contains(w.about.made, abs) {
		return true
	}
	output := strings.TrimSuffix(w.about.output, filepath.Ext(w.about.output))
	return strings.HasPrefix(path.Base(output), temporaryPrefix) && strings.HasPrefix(abs, output)
}

// addListings reads the folders that were listed, not as the view has them: it may have
// looked before the process did.
func (w *traceTracking) addListings(o preload.Observation, seen *observation) {
	v := w.about.view
	for _, dir := range o.Listed {
		if w.ofLTO(o, dir) {
			continue
		}
		names := snapshot.ListFolder(v.Abs(dir))
		sig := ipc.StatSignature(v.Abs(dir))
		if w.about.command != nil && slices.ContainsFunc(o.Written, func(p string) bool { return path.Dir(p) == dir }) {
			if !slices.ContainsFunc(o.Written, func(p string) bool { return path.Dir(p) == dir && !isMachinery(p) }) {
				seen.listings = append(seen.listings, cache.Listing{Dir: dir, Digest: names})
				continue
			}
			seen.uncacheable = cmp.Or(seen.uncacheable, "it lists "+dir+", where it writes")
		} else if met, known := seen.stamps[dir]; known && met != sig || v.Disks.Latest(v.Abs(dir), sig) >= w.about.since {
			seen.doubt = cmp.Or(seen.doubt, "other files came to "+dir+" while it was "+w.about.recipe.verb())
		}
		seen.listings = append(seen.listings, cache.Listing{Dir: dir, Digest: names})
	}
}

// ofLTO reports a folder for temporary files that only the make of gcc's lto-wrapper listed. make
// lists the folder of its makefile, which lies there, to find the targets in it: files that the
// link itself made. Other programs come and go there all the time.
func (w *traceTracking) ofLTO(o preload.Observation, dir string) bool {
	isWrapper := func(program string) bool { return path.Base(program) == "lto-wrapper" }
	isOther := func(program string) bool { return path.Base(program) != "make" }
	return slices.Contains(temporaryFolders(w.about.env), filepath.Clean(w.about.view.Abs(dir))) &&
		slices.ContainsFunc(o.Programs, isWrapper) && !slices.ContainsFunc(o.Listers[dir], isOther)
}

func (w *traceTracking) addFolders(o preload.Observation, seen *observation) {
	known := snapshot.Ancestors(w.about.view.Root, seen.files, o.Listed, o.Written, []string{w.about.output})
	for _, dir := range w.searched() {
		known[dir] = true
	}
	for _, dir := range o.Folders {
		if !known[dir] && !w.isOurs(dir) {
			seen.listings = append(seen.listings, cache.Listing{Dir: dir, Match: snapshot.IsFolder})
		}
	}
}

// searched are the folders that arguments and the environment name, and those for
// temporary files.
func (w *traceTracking) searched() []string {
	dirs := temporaryFolders(w.about.env)
	for _, name := range []string{"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"} {
		dirs = append(dirs, filepath.SplitList(ipc.EnvValue(w.about.env, name))...)
	}
	for _, arg := range w.about.tool[1:] {
		for _, flag := range searchFlags {
			arg = strings.TrimPrefix(arg, flag)
		}
		dirs = append(dirs, arg)
	}
	for i, dir := range dirs {
		dirs[i] = strings.TrimSuffix(snapshot.Spell(w.about.view.Root, dir), "/")
	}
	return dirs
}

// temporaryFolders are those for temporary files: what libiberty's choose_tmpdir asks for.
func temporaryFolders(env []string) []string {
	dirs := []string{os.TempDir(), "/tmp", "/var/tmp", "/usr/tmp"}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		if dir := ipc.EnvValue(env, name); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// searchFlags are followed by a folder, in the same argument or the next.
var searchFlags = flagList("-Wl,", "-I", "-iquote", "-isystem", "-idirafter", "-L", "-rpath,", "-rpath-link,")

// addLinks follows links again, and not by the view: see addListings. Where a path leads
// matters too if that is another folder, although no call asked for it: of two paths of one
// folder a compiler searches the first only, and a file with #pragma once is read once.
func (w *traceTracking) addLinks(o preload.Observation, seen *observation) {
	var follow snapshot.Links
	root := w.about.view.Root
	add := func(paths []string, elsewhere bool) {
		for _, p := range paths {
			target := follow.Resolve(root, p)
			if !w.isOurs(p) && !(elsewhere && target == snapshot.Spell(root, path.Clean(w.about.view.Abs(p)))) {
				seen.listings = append(seen.listings, cache.Listing{Dir: p, Match: snapshot.LeadsTo, Digest: target})
			}
		}
	}
	add(o.Links, false)
	for _, paths := range [][]string{o.Read, o.Seen, o.Folders} {
		add(paths, true)
	}
	if follow.Newest >= w.about.since || slices.ContainsFunc(o.Links, func(p string) bool { return w.turned(p, o.LinkStamps[p]) }) {
		seen.doubt = cmp.Or(seen.doubt, "a link was turned while it was "+w.about.recipe.verb())
	}
}

// turned reports whether a symbolic link is another one than the process met.
func (w *traceTracking) turned(p string, met preload.Stamp) bool {
	sig := ipc.Signature(met)
	return sig.IsLink() && sig != ipc.LinkSignature(w.about.view.Abs(p))
}

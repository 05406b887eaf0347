package compilation

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// addClock adds what a process learned of the time. A process that made a date of the
// current time may have it in its result, whatever the cause: a macro in a flag, pasted
// tokens, a precompiled header. A date needs the time zone. For __TIMESTAMP__ compilers make
// a date of a file's time; it may be that of any file.
func (w *traceTracking) addClock(o preload.Observation, seen *observation) {
	if o.Clock {
		seen.uncacheable = cmp.Or(seen.uncacheable, seen.clock, "it asks for the time")
	}
	if o.Zone {
		seen.listings = append(seen.listings, w.about.view.Predicate("TZ", snapshot.Variable))
		seen.files = append(seen.files, zoneFiles(w.about)...)
	}
	if o.FileTimes && len(seen.stamped) == 0 {
		seen.stamped = o.Read
	}
}

// zoneFiles is where the C library finds the time zone (tzset(3)), which no trace shows.
func zoneFiles(about *subject) []string {
	zone := strings.TrimPrefix(ipc.EnvValue(about.env, "TZ"), ":")
	file := "/etc/localtime"
	switch {
	case filepath.IsAbs(zone):
		file = zone
	case zone != "":
		file = path.Join(cmp.Or(ipc.EnvValue(about.env, "TZDIR"), "/usr/share/zoneinfo"), zone)
	}
	if !about.view.Signature(file).IsRegular() {
		return nil
	}
	return []string{file}
}

// addAsked adds what programs that are not the toolchain's own may know besides contents:
// where PATH and the loader let them look, mode and times of what they asked about, texts
// of links. Left out are folders that the compile writes to, those for temporary files,
// and those above the project, which every shell asks about. The inputs of a link that
// this plan made are left out too: each build from the cache gives them new times.
func (w *traceTracking) addAsked(o preload.Observation, seen *observation) {
	if o.Foreign == "" {
		return
	}
	v := w.about.view
	loaded := slices.DeleteFunc(slices.Clone(o.Read), func(p string) bool { return !isLibrary(p) })
	for _, program := range w.foreignPrograms(o) {
		w.tracers.dynamics.addLoaderSearch(v, program, o.Wanted, seen)
	}
	w.tracers.dynamics.addLibrarySearch(v, loaded, seen)
	above := []string{v.Root + "/.", w.about.output}
	if pwd := otherName(v.Root, w.about.env); pwd != "" {
		above = append(above, snapshot.Spell(v.Root, pwd)+"/.")
	}
	busy := snapshot.Ancestors(v.Root, above, o.Written)
	for _, dir := range temporaryFolders(w.about.env) {
		busy[snapshot.Spell(v.Root, path.Clean(dir))] = true
	}
	for _, p := range w.about.inputs {
		busy[snapshot.Spell(v.Root, p)] = true
	}
	for _, a := range o.Asked {
		p := a.Path
		if w.isOurs(p) || slices.Contains(o.Written, p) || !slices.ContainsFunc(a.Programs, w.asksMore) {
			continue
		}
		if match := w.askedMatch(a); match != "" && !busy[p] && !busy[snapshot.Spell(v.Root, path.Clean(v.Abs(p)))] {
			seen.listings = append(seen.listings, v.Predicate(p, match))
		}
		if text := v.Predicate(p, snapshot.LinkText); text.Digest != "" && slices.Contains(o.Links, p) {
			seen.listings = append(seen.listings, text)
		}
	}
}

// otherName is the name that a shell knows for its working folder if a link leads there, "" if
// it is the real one: shells compare both.
func otherName(folder string, env []string) string {
	pwd := ipc.EnvValue(env, "PWD")
	if !filepath.IsAbs(pwd) || pwd == folder || ipc.StatSignature(pwd) != ipc.StatSignature(folder) {
		return ""
	}
	return pwd
}

// asksMore reports whether a program may learn more of a file than whether it is there.
// The driver that a wrapper runs asks only that.
func (w *traceTracking) asksMore(program string) bool {
	return !w.tracers.drivers.is(w.about.view.Abs(program))
}

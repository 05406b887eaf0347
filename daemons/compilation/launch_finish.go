package compilation

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/driverline"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// missed is a launched command that the thin client runs.
type missed struct {
	*launch
	trace   *preload.Trace
	library preload.Library
	since   int64
	seen    *observation
	// preamble is nil for a command that the client runs, until that has ended.
	preamble *launchPreamble
	tools    []string   // programs of toolchains that ran, set when they are known
	made     []madeFile // open until they are stored
	release  func()     // ends the wait of lookups for what is stored
	once     sync.Once
}

// Close implements [ipc.LaunchMissed].
func (m *missed) Close() {
	m.once.Do(func() {
		_ = m.trace.Close()
		closeAll(m.made)
		if m.release != nil {
			m.release()
		}
		m.s.store.Unpin(m.pin)
		m.s.launches.leave()
		m.s.preambles.ends()
	})
}

// Finish implements [ipc.LaunchMissed].
func (m *missed) Finish(ctx context.Context, end ipc.LaunchEnd) func() {
	m.s.store.Miss(m.missReason())
	m.preamble = m.launch.preamble(false)
	store, why := m.finish(ctx, end)
	m.s.launches.noteEnd(m.req, end, why)
	return store
}

func (m *missed) missReason() string {
	if m.near == nil {
		return string(cache.New)
	}
	return m.near.Kind
}

// finish is Finish, with why nothing is stored.
func (m *missed) finish(ctx context.Context, end ipc.LaunchEnd) (store func(), why string) {
	switch {
	case end.Status != 0:
		return nil, "it failed"
	case end.Stdout > 0:
		return nil, "it printed to its standard output"
	case end.Cut:
		return nil, "it printed too much"
	}
	seen, why := m.observe(ctx)
	if why != "" {
		return nil, why
	}
	m.seen = seen
	m.s.launches.setInVain(m.req.Program, !m.keepsNames())
	if len(end.Stderr) > 0 { // its language depends on these
		m.view.AddVariables(&seen.listings, localeVariables)
		if seen.foreign { // a script may print what make told it; a compiler does not
			m.view.AddVariables(&seen.listings, environment.OfBuilders())
		}
	}
	if m.made, why = m.outputs(seen); why != "" {
		return nil, why
	}
	set, doubt := m.inputsOf(seen, m.since)
	m.addStamps(seen, &set, m.ranProgram("cc1")) // gcc has rules of its own for what it reads once
	if why := cmp.Or(doubt, m.preamble.doubt(set), seen.uncacheable); why != "" {
		return nil, why
	}
	m.preamble.want(m.s.preambles, m, set)
	var sources []string
	for _, s := range m.line.Sources {
		sources = append(sources, snapshot.Spell(m.root, s))
	}
	m.addTimesOfAST(pathsOf(m.made), sources, &set)
	return m.storing(set, end), ""
}

// observe reads the trace. Programs of toolchains are recognised first: the trace of others has
// to say more.
func (m *missed) observe(ctx context.Context) (seen *observation, why string) {
	reader := m.s.tracers.reader(m.root)
	known := m.s.launches.toolsAmong(reader.Programs(m.trace))
	about := &subject{
		view: m.view, programs: known, since: m.since, recipe: &recipe{Kind: "c"}, key: m.base.String(), tool: m.req.Args, env: m.req.Env,
		output: cmp.Or(m.mainOutput(), filepath.Join(m.root, ".")), asIs: true, hidden: m.preamble.hidden(),
	}
	o := reader.Observe(m.trace, nil, known)
	if len(o.Numbered) > 0 { // as bash passes <(command), by a pipe or a file of the caller
		return nil, o.Numbered[0] + " was read"
	}
	tracking := &traceTracking{tracers: m.s.tracers, about: about, trace: m.trace, exe: m.req.Program, library: m.library.Path}
	why = cmp.Or(o.WhyNot, ownState(o))
	if why == "" && !compiles(known) {
		why = "no compiler was run"
	}
	if why != "" {
		return nil, "not all that it read was seen: " + why
	}
	texts := (&compileDepfile{depfileCompiles: &depfileCompiles{texts: m.s.texts, paths: m.s.paths}, about: about}).textsOf(o.Read)
	seen = &observation{way: byTrace, doubt: texts.doubt, clock: texts.clock, stamped: texts.stamped, imports: texts.imports}
	tracking.translate(o, seen)
	// A driver finds assemblers and wrappers by PATH.
	m.view.AddFound(&seen.listings, slices.DeleteFunc(slices.Concat(o.Executed, o.Missed), func(p string) bool { return p == m.req.Program }))
	// The identity of the toolchain is what it consists of, and what is at the path by which it was
	// called: a resident was started by another one.
	seen.files = append(append(seen.files, o.Libraries...), snapshot.Spell(m.root, m.req.Program))
	for _, p := range o.Programs {
		if known[p] {
			m.tools = append(m.tools, p)
			seen.files = append(seen.files, p)
			m.s.tracers.dynamics.addLoaderSearch(m.view, p, nil, seen)
		}
	}
	if ipc.EnvValue(m.req.Env, "LD_LIBRARY_PATH") != "" { // else only folders of the toolchain are searched
		m.s.tracers.dynamics.addLibrarySearch(m.view, o.Libraries, seen)
	}
	m.preamble.addInputs(seen)
	for _, p := range o.Written {
		if w := o.Writes[p]; w.Updated || w.Appended {
			return nil, "it adds to " + p
		}
	}
	return seen, ""
}

// outputs opens and hashes the files that the command wrote and left.
func (m *missed) outputs(seen *observation) (made []madeFile, why string) {
	dirs := map[string]bool{m.root: true}
	for _, out := range m.line.Outputs {
		dirs[filepath.Dir(m.view.Abs(out))] = true
	}
	for _, p := range seen.written {
		at := m.view.Abs(p)
		if at == os.DevNull { // as scripts around compilers do; if it is an output it is refused before
			continue
		}
		if isMachinery(p) {
			return made, "it writes " + p + ", which tools keep for themselves"
		}
		if !slices.Contains(m.line.Outputs, p) && !isIn(dirs, filepath.Clean(at)) {
			return made, "it writes " + p + ", which lies beside no output"
		}
		file, err := openMade(p, at)
		if err != nil {
			return made, err.Error()
		}
		made = append(made, file)
	}
	for _, out := range m.line.Outputs {
		if !slices.ContainsFunc(made, func(f madeFile) bool { return filepath.Clean(f.at) == filepath.Clean(m.view.Abs(out)) }) {
			return made, "it did not write " + out
		}
	}
	if len(made) == 0 {
		return made, "it wrote no file"
	}
	return made, m.foreignFile(seen, made)
}

// isIn reports whether a file lies in one of some folders, also if its path leads there through a
// link: clang writes profile notes to a path that begins with PWD.
func isIn(dirs map[string]bool, file string) bool {
	dir := filepath.Dir(file)
	if dirs[dir] {
		return true
	}
	real, err := filepath.EvalSymlinks(dir)
	return err == nil && dirs[real]
}

func pathsOf(made []madeFile) (paths []string) {
	for _, f := range made {
		paths = append(paths, f.path)
	}
	return paths
}

// storing returns what stores the result. The cache copies from the open files, and refuses
// one whose content has changed.
func (m *missed) storing(set snapshot.InputSet, end ipc.LaunchEnd) func() {
	names := m.unnamedOutputs(end.Stderr)
	base := m.baseFor(names != nil, len(end.Stderr) > 0)
	e := &cache.Entry{
		Action: actionKey(base, set), Diagnostics: string(end.Stderr), Seconds: end.Seconds, CPU: end.CPU, Peak: end.Peak,
		Created: time.Now(), Command: m.command, Mode: m.preamble.mode(),
	}
	files := make(map[string]*os.File, len(m.made))
	for _, f := range m.made {
		name := cmp.Or(names[f.path], besidePrefix+f.path)
		files[name] = f.file
		e.Outputs = append(e.Outputs, cache.Output{Name: name, Blob: f.digest, Mode: uint32(f.info.Mode().Perm())})
	}
	// The next command may come before the client has said that it still waits.
	m.release = m.s.writeback.expect(base)
	return func() {
		if err := m.s.store.Put(e, files); err != nil {
			m.s.log.Debug("a launched command is not stored", "error", err)
			return
		}
		_ = m.s.store.AddInputSet(base, set.ToCache(e.Action))
	}
}

// unnamedOutputs are the names of the files that the command made for a key without names of outputs,
// by path. It is nil if the result may be that of these names only: it made other files, or
// names one in what it printed.
func (m *missed) unnamedOutputs(printed []byte) map[string]string {
	if m.unnamed.Object == "" || m.seen == nil || !m.keepsNames() {
		return nil
	}
	object, depfile := filepath.Clean(m.view.Abs(m.unnamed.Object)), ""
	count := 1
	if m.unnamed.Depfile != "" {
		depfile = filepath.Clean(m.view.Abs(m.unnamed.Depfile))
		count++
	}
	names := make(map[string]string, len(m.made))
	for _, f := range m.made {
		name := ""
		switch filepath.Clean(f.at) {
		case object:
			name = unnamedObject
		case depfile:
			name = m.nameDepfile(f)
		}
		if name == "" || bytes.Contains(printed, []byte(filepath.Base(f.path))) {
			return nil
		}
		names[f.path] = name
	}
	if len(names) != count {
		return nil
	}
	return names
}

// keepsNames reports whether the configuration files that clang has read add no option that
// may bring names of outputs into the result.
func (m *missed) keepsNames() bool {
	return !m.ranProgram("clang") || !slices.ContainsFunc(m.seen.files, func(p string) bool {
		if filepath.Ext(p) != ".cfg" {
			return false
		}
		text, err := os.ReadFile(m.view.Abs(p))
		return err != nil || !driverline.ConfigKeepsNames(string(text))
	})
}

// isELF reports whether a file is a program or library of this kind of system.
func isELF(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

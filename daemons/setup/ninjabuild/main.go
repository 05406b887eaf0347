package ninjabuild

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/buildlog"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/depslog"
)

// Caller is what the program takes from its process.
type Caller struct {
	Name           string   // by which the program was called, for messages on flags
	Args           []string // without the name
	Env            []string // KEY=VALUE
	Dir            string   // the working folder; "" is the process's own
	Stdout, Stderr io.Writer
	Width          func() int // of the terminal that standard output is; nil if it is none
	Runner         Runner
	Listener       Listener // told what the build does; may be nil
}

// program is one run.
type program struct {
	Caller
	name    string
	opts    options
	out     *bufio.Writer
	disk    disk
	metrics *metrics // nil without -d stats
	began   time.Time

	graph    *ninja.Graph
	buildDir string // the variable builddir
	log      *buildlog.Log
	deps     *depslog.Log
	scan     *scan
	doubts   Doubts // asked for while the manifest is read
	warned   bool
}

// maxReloads is how often a manifest may be made again before the build.
const maxReloads = 100

// Main runs ninja and returns its exit code. The end of the context is an interrupt; its
// cause may be an [Interrupt].
func Main(ctx context.Context, c Caller) int {
	m := newProgram(c)
	err := m.run(ctx)
	m.out.Flush()
	var code exitNow
	switch {
	case err == nil:
		return exitSuccess
	case errors.As(err, &code):
		return int(code)
	}
	m.tellStop(err)
	m.fail(err)
	return exitFailure
}

func newProgram(c Caller) *program {
	m := &program{Caller: c, name: c.Name, out: bufio.NewWriter(c.Stdout), began: time.Now()}
	m.opts.warn, m.opts.fail = m.warn, m.fail
	return m
}

func (m *program) run(ctx context.Context) error {
	if err := m.parse(m.Args); err != nil {
		return err
	}
	if err := m.enter(); err != nil {
		return err
	}
	if t := m.opts.tool; t != nil && t.stage == afterFlags {
		return t.run(m, m.opts.args)
	}
	if m.remembered(ctx) {
		m.nothingToDo()
		return nil
	}
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	checkManifest := true
	for range maxReloads {
		if m.memory() != nil {
			m.disk.looked = &Looked{Since: time.Now()}
		}
		m.askForDoubts(ctx)
		if err := m.load(); err != nil {
			return err
		}
		if t := m.opts.tool; t != nil && t.stage == afterLoad {
			return t.run(m, m.opts.args)
		}
		if err := m.openLogs(); err != nil {
			return err
		}
		if t := m.opts.tool; t != nil {
			return t.run(m, m.opts.args)
		}
		if checkManifest {
			again, check, err := m.rebuildManifest(ctx)
			if err != nil {
				return err
			}
			if checkManifest = check; again {
				continue
			}
		}
		return m.buildTargets(ctx)
	}
	return fmt.Errorf("manifest '%s' still dirty after %d tries, perhaps system time is not set", m.opts.file, maxReloads)
}

// enter goes to the folder of -C, and says so: editors read it.
func (m *program) enter() error {
	m.disk = disk{dir: m.Dir, stats: m.metrics.add("node stat")}
	dir := m.opts.dir
	if dir == "" {
		return nil
	}
	if m.opts.tool == nil && m.opts.verbosity != quiet {
		m.printf("ninja: Entering directory `%s'\n", dir)
	}
	path := m.disk.at(dir)
	st, err := os.Stat(path + "/.")
	if err != nil {
		return ninja.FatalError("chdir to '" + dir + "' - " + reason(err))
	}
	if !st.IsDir() {
		return ninja.FatalError("chdir to '" + dir + "' - Not a directory")
	}
	m.disk.dir = path
	return nil
}

// askForDoubts asks the runner what speaks against outputs. A manifest that was made again
// is asked for anew.
func (m *program) askForDoubts(ctx context.Context) {
	if d, is := m.Runner.(Doubter); is && m.opts.tool == nil {
		m.doubts = d.Doubts(ctx, m.disk.dir, m.Env)
	}
}

// load reads the manifest.
func (m *program) load() error {
	defer m.metrics.add(".ninja parse").time()()
	g, err := ninja.Load(m.opts.file, m.disk.read, ninja.Options{Version: Version, Warn: m.warn, PhonyCycleFail: m.opts.phonyCycleFail})
	if err != nil {
		return err
	}
	m.graph, m.buildDir, m.scan = g, g.Variable("builddir"), nil
	return nil
}

// logPath is the path of a file that lies in builddir.
func (m *program) logPath(name string) string {
	if m.buildDir == "" {
		return name
	}
	return m.buildDir + "/" + name
}

// openLogs loads .ninja_log and .ninja_deps.
func (m *program) openLogs() error {
	if m.buildDir != "" && !m.opts.dryRun {
		if err := m.disk.makeParents(m.buildDir + "/."); err != nil {
			return errors.New("creating build directory " + m.buildDir + ": " + err.Error())
		}
	}
	if err := m.loadLogs(); err != nil {
		return err
	}
	if m.opts.dryRun || m.opts.tool != nil {
		return nil
	}
	if m.log.Stale() {
		if err := m.log.Recompact(m.dead); err != nil {
			return errors.New("failed recompaction: " + reason(err))
		}
	}
	if m.deps.Stale() {
		if err := m.deps.Recompact(m.liveDeps); err != nil {
			return errors.New("failed recompaction: " + reason(err))
		}
	}
	if err := m.log.Create(); err != nil {
		return errors.New("opening build log: " + reason(err))
	}
	if err := m.deps.Create(); err != nil {
		return errors.New("opening deps log: " + reason(err))
	}
	return errors.Join(m.log.Close(), m.deps.Close())
}

func (m *program) loadLogs() (err error) {
	var warning string
	path := m.logPath(".ninja_log")
	m.disk.looked.note(path, m.disk.at(path))
	done := m.metrics.add(".ninja_log load").time()
	if m.log, warning, err = buildlog.Load(m.disk.at(path)); err != nil {
		return errors.New("loading build log " + path + ": " + reason(err))
	}
	done()
	if warning != "" {
		m.warn(warning)
	}
	path = m.logPath(".ninja_deps")
	m.disk.looked.note(path, m.disk.at(path))
	defer m.metrics.add(".ninja_deps load").time()()
	if m.deps, warning, err = depslog.Load(m.disk.at(path)); err != nil {
		return errors.New("loading deps log " + path + ": " + reason(err))
	}
	if warning != "" {
		m.warn(warning)
	}
	return nil
}

// dead says that no edge makes this output any more, and that it is gone from the disk.
func (m *program) dead(output string) bool {
	if n := m.graph.Lookup(output); n != nil && n.In != nil {
		return false
	}
	t, err := m.disk.mtime(output)
	if err != nil {
		m.fail(err)
	}
	return t == 0
}

// makes reports whether an edge makes the output.
func (m *program) makes(output string) bool {
	n := m.graph.Lookup(output)
	return n != nil && n.In != nil
}

// liveDeps says that an edge makes this output, and that its rule has deps.
func (m *program) liveDeps(output string) bool {
	n := m.graph.Lookup(output)
	return n != nil && n.In != nil && n.In.Is("deps")
}

// builder makes a builder for a plan that is empty.
func (m *program) builder() (*builder, error) {
	f, err := m.format()
	if err != nil {
		return nil, err
	}
	p := newPrinter(m.out, m.Width, m.environment)
	p.smart = p.smart && m.opts.verbosity == normal
	st := &status{printer: p, verbosity: m.opts.verbosity, format: f, previous: m.previous, rate: rate{limit: m.opts.jobs}}
	if m.opts.explain {
		st.explain = &explainer{reasons: make(map[*ninja.Node][]string), print: func(lines []string) {
			st.printer.onNewLine("")
			for _, line := range lines {
				m.errorf("ninja explain: %s\n", line)
			}
		}}
	}
	if m.scan == nil {
		m.scan = newScan(m.graph, m.disk, m.log, m.deps, st.explain)
		if m.doubts.Answer != nil {
			m.scan.doubts = m.scan.lateDoubts(m.doubts, m.makes)
		}
	}
	m.scan.explain = st.explain
	b := &builder{plan: newPlan(m.scan, st), opts: &m.opts, runner: m.Runner, listener: m.Listener, env: m.Env, began: m.began, stamp: m.logPath(".ninja_lock")}
	b.startTime, b.finishTime = m.metrics.add("StartEdge"), m.metrics.add("FinishCommand")
	return b, nil
}

// format is the form of the status line.
func (m *program) format() (*format, error) {
	var f *format
	var err error
	if m.opts.statusFormatGiven {
		f, err = newStatusFormat(m.opts.statusFormat)
	} else if text, set := m.environment("NINJA_STATUS"); set {
		f, err = newFormat(text)
	} else {
		f, err = newFormat(defaultStatus)
	}
	if err != nil {
		return nil, ninja.FatalError(err.Error())
	}
	return f, nil
}

// previous is how long an edge ran in an earlier build.
func (m *program) previous(e *ninja.Edge) (time.Duration, bool) {
	for _, o := range e.Outputs {
		if entry := m.log.Lookup(o.Path); entry != nil {
			return time.Duration(entry.End-entry.Start) * time.Millisecond, true
		}
	}
	return 0, false
}

// rebuildManifest makes the manifest again if it is out of date. again says that it has to
// be loaded again, check that it has to be checked again then.
func (m *program) rebuildManifest(ctx context.Context) (again, check bool, err error) {
	if m.opts.file == "" {
		return false, false, errors.New("rebuilding '': empty path")
	}
	n := m.graph.Lookup(ninja.Canonical(m.opts.file))
	if n == nil {
		return false, false, nil
	}
	b, err := m.builder()
	if err != nil {
		return false, false, err
	}
	if err := b.add(n); err != nil {
		return false, false, errors.New("rebuilding '" + m.opts.file + "': " + err.Error())
	}
	if !b.moreToDo() {
		for _, e := range b.planned {
			b.edge(e).want = notPlanned
		}
		return false, false, nil
	}
	code, err := b.build(ctx)
	err = errors.Join(err, m.log.Close(), m.deps.Close())
	if code != exitSuccess {
		m.fail(errors.New("rebuilding '" + m.opts.file + "': " + err.Error()))
		if errors.Is(err, errInterrupted) {
			return false, false, exitNow(exitInterrupted)
		}
		return false, false, exitNow(exitFailure)
	}
	if m.opts.dryRun {
		return false, false, exitNow(exitSuccess) // it would be dirty for ever
	}
	// A restat rule may have left it as it was. What was scanned is out of date anyway.
	return true, b.node(n).dirty, err
}

// buildTargets builds what was asked for.
func (m *program) buildTargets(ctx context.Context) error {
	targets, err := m.targets(m.opts.args)
	if err != nil {
		return err
	}
	slots, err := m.jobserver()
	if err != nil {
		return err
	}
	defer slots.close()
	b, err := m.builder()
	if err != nil {
		return err
	}
	b.slots = slots
	for _, n := range targets {
		if err := b.add(n); err != nil {
			return err
		}
	}
	if !b.moreToDo() {
		m.nothingToDo()
		m.printStats()
		m.out.Flush()
		m.remember(ctx)
		return nil
	}
	code, err := b.build(ctx)
	var fatal ninja.FatalError
	if errors.As(err, &fatal) {
		return errors.Join(err, m.log.Close(), m.deps.Close())
	}
	if err != nil {
		m.tellStop(err)
		m.printf("ninja: build stopped: %s.\n", err)
	}
	m.printStats()
	if err := errors.Join(m.log.Close(), m.deps.Close()); err != nil {
		return err
	}
	return exitNow(code)
}

// jobserver joins the make above us.
func (m *program) jobserver() (*slots, error) {
	makeflags, set := m.environment("MAKEFLAGS")
	if !set || m.opts.jobsGiven || m.opts.dryRun {
		return nil, nil
	}
	auth, err := jobserverOf(makeflags)
	if err != nil {
		m.warn("Ignoring jobserver: " + err.Error() + " [" + makeflags + "]")
		return nil, nil
	}
	if auth == "" {
		return nil, nil
	}
	pipe, err := openJobserver(auth)
	if err != nil {
		m.warn("Ignoring jobserver: " + err.Error() + " [" + makeflags + "]")
		return nil, nil
	}
	if m.opts.verbosity != quiet {
		m.printf("ninja: Jobserver mode detected: %s\n", makeflags)
	}
	return &slots{pipe: pipe}, nil
}

// environment gives a variable of the caller.
func (m *program) environment(name string) (value string, set bool) {
	for _, kv := range m.Env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			value, set = v, true
		}
	}
	return value, set
}

func (m *program) printStats() {
	if m.metrics == nil {
		return
	}
	m.printf("%s\npath->node hash load 1.00 (%d entries / %d buckets)\n", m.metrics.report(), len(m.graph.Nodes), len(m.graph.Nodes))
}

// workingFolder is the absolute path of the folder, as the system has it.
func (m *program) workingFolder() (string, error) {
	path, err := filepath.Abs(m.disk.at("."))
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", ninja.FatalError("cannot determine working directory: " + reason(err))
	}
	return path, nil
}

func (m *program) printf(format string, args ...any) { fmt.Fprintf(m.out, format, args...) }

func (m *program) errorf(format string, args ...any) {
	m.out.Flush()
	fmt.Fprintf(m.Stderr, format, args...)
}

func (m *program) warn(text string) {
	m.warned = true
	m.errorf("ninja: warning: %s\n", text)
}

func (m *program) fail(err error) {
	kind := "error"
	var fatal ninja.FatalError
	if errors.As(err, &fatal) {
		kind = "fatal"
	}
	m.errorf("ninja: %s: %s\n", kind, err)
}

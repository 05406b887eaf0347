package compilation

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// project is a folder of sources with a service for it.
type project struct {
	t       testing.TB
	root    string
	cache   string
	state   string
	s       *Service
	store   *cache.Store
	tool    ipc.Toolchain
	env     []string
	args    []string // of every unit
	lang    string   // of every unit
	limit   cache.Options
	depfile bool // inputs come from dependency files, not from traces
	cfg     Config
	mu      sync.Mutex
	track   map[string]ipc.NodeRecord
	files   map[string][]ipc.FileSig
}

// toolchains are the real compilers of the machine, by family.
func toolchains(t testing.TB) map[string]ipc.Toolchain {
	t.Helper()
	found := maps.Clone(installedToolchains())
	if len(found) == 0 {
		t.Skip("neither clang-19 nor g++ is installed")
	}
	return found
}

var installedToolchains = sync.OnceValue(func() map[string]ipc.Toolchain {
	found := make(map[string]ipc.Toolchain)
	for family, names := range map[string][2]string{"clang": {"clang-19", "clang++-19"}, "gcc": {"gcc", "g++"}} {
		cc, err1 := exec.LookPath(names[0])
		cxx, err2 := exec.LookPath(names[1])
		ar, err3 := exec.LookPath("ar")
		if err1 == nil && err2 == nil && err3 == nil {
			found[family] = ipc.Toolchain{Family: family, CC: cc, CXX: cxx, AR: ar, Version: family + " test", Identity: family, Programs: ownPrograms(cc, cxx, ar)}
		}
	}
	return found
})

// ownPrograms are the files of drivers, and of what they start, as setup finds them.
func ownPrograms(drivers ...string) (files []string) {
	add := func(file string) {
		if real, err := filepath.EvalSymlinks(file); err == nil && !slices.Contains(files, real) {
			files = append(files, real)
		}
	}
	for _, driver := range drivers {
		add(driver)
		for _, name := range []string{"cc1", "cc1plus", "as", "ld", "collect2", "ld.lld", "ld.mold", "lto-wrapper", "lto1"} {
			out, err := exec.Command(driver, "-print-prog-name="+name).Output()
			if file, err2 := exec.LookPath(strings.TrimSpace(string(out))); err == nil && err2 == nil {
				add(file)
			}
		}
	}
	return files
}

// tracerDir keeps the tracer's objects for all tests, "" where nothing is traced.
var tracerDir string

func TestMain(m *testing.M) {
	if runtime.GOOS == "linux" {
		dir, err := os.MkdirTemp("", "compilation-test-")
		if err != nil {
			panic(err)
		}
		tracerDir = dir
	}
	code := m.Run()
	if err := os.RemoveAll(tracerDir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// eachCompiler runs a test with each compiler, and with each way to know what it reads.
func eachCompiler(t *testing.T, test func(t *testing.T, p *project)) {
	t.Helper()
	for family := range toolchains(t) {
		for _, depfile := range []bool{false, true} {
			runWith(t, family, depfile, test)
		}
	}
}

// eitherCompiler runs a test that is not about what compilers read with one compiler
// traced and with the other by its dependency files.
func eitherCompiler(t *testing.T, traced string, test func(t *testing.T, p *project)) {
	t.Helper()
	all := toolchains(t)
	for family := range all {
		runWith(t, family, family != traced && len(all) > 1, test)
	}
}

func runWith(t *testing.T, family string, depfile bool, test func(t *testing.T, p *project)) {
	t.Helper()
	tool, name := toolchains(t)[family], family+"/traced"
	if depfile {
		name = family + "/depfile"
	}
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		p := newProject(t, tool)
		p.depfile = depfile
		if !depfile && tracerDir == "" {
			t.Skip("nothing is traced on this system")
		}
		test(t, p)
	})
}

// anyCompiler makes a project with one of the compilers: g++, if there is one, which
// starts in half of clang's time.
func anyCompiler(t *testing.T) *project {
	t.Helper()
	all := toolchains(t)
	return newProject(t, all[slices.Max(slices.Collect(maps.Keys(all)))])
}

func newProject(t testing.TB, tool ipc.Toolchain) *project {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{
		t: t, root: filepath.Join(base, "project"), cache: filepath.Join(base, "cache"), state: filepath.Join(base, "state", "units"),
		tool: tool, lang: "c++", env: []string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin"}, args: []string{"-std=c++17", "-O0"},
	}
	if err := os.Mkdir(p.root, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// start makes the service if there is none.
func (p *project) start() *Service {
	p.t.Helper()
	if p.s != nil {
		return p.s
	}
	p.store = cache.Open(p.cache, p.limit)
	cfg := p.cfg
	cfg.Root, cfg.Store, cfg.StateFile = p.root, p.store, p.state
	if !p.depfile {
		cfg.TracerDir = tracerDir
	}
	s, err := New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.s = s
	return s
}

// stop ends the service, so that the next start has to read its state.
func (p *project) stop() {
	if p.s == nil {
		return
	}
	if err := p.s.Close(); err != nil {
		p.t.Errorf("close: %v", err)
	}
	if err := p.store.Close(); err != nil {
		p.t.Errorf("close the store: %v", err)
	}
	p.s, p.store = nil, nil
}

func (p *project) path(name string) string { return filepath.Join(p.root, name) }

// write writes a file in place and waits until its stamp is in the past, as
// discovery's sync does.
func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	p.waitPast(name)
}

// waitPast waits until a file's stamp is older than a change could be.
func (p *project) waitPast(name string) {
	p.t.Helper()
	testkit.Until(p.t, "the clock's tick", func() bool { return stamps.Now() > ipc.StatSignature(p.path(name)).Ctime })
}

func (p *project) readAbs(path string) string {
	p.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

func (p *project) writeAbs(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

func (p *project) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(p.path(name)); err != nil {
		p.t.Error(err)
	}
}

// batch is the request for sources, each as a unit of target "app".
func (p *project) batch(sources ...string) ipc.RunRequest {
	req := ipc.RunRequest{
		Build: "b1", Root: p.root, BuildDir: "build", Env: p.env, Toolchains: []ipc.Toolchain{p.tool},
		Commands: []ipc.Command{{Lang: p.lang, Args: p.args}},
	}
	for _, s := range sources {
		req.Actions = append(req.Actions, ipc.RunAction{Action: unitOf(s)})
	}
	return req
}

func unitOf(source string) ipc.Action {
	return ipc.Action{
		ID: "app:" + source, Kind: ipc.ActionCompile, Target: "app", Source: source, Outputs: []string{"build/obj/app/" + source + ".o"},
	}
}

// run serves a batch and returns the results by source.
func (p *project) run(ctx context.Context, req ipc.RunRequest) (map[string]ipc.ActionResult, error) {
	p.t.Helper()
	out := make(map[string]ipc.ActionResult)
	p.ready()
	var all ipc.Track
	_, err := p.start().Run(ctx, req, func(b ipc.RunProgress) {
		for _, r := range b.Finished {
			out[strings.TrimPrefix(r.ID, "app:")] = r
		}
		all.Files = append(all.Files, b.Track.Files...) // which go on
		p.noteTrack(ipc.Track{Files: all.Files, Nodes: b.Track.Nodes})
	})
	p.s.writeback.drain(context.Background()) // tests look into the cache themselves
	return out, err
}

// ready starts the service and waits until its tools can be traced.
func (p *project) ready() {
	p.t.Helper()
	s := p.start()
	if s.tracers.dir == "" {
		return
	}
	for _, exe := range []string{p.tool.CC, p.tool.CXX, p.tool.AR} {
		if _, err := s.tracers.library(p.t.Context(), exe, p.env); err != nil {
			p.t.Fatal(err)
		}
	}
}

// noteTrack keeps what discovery would.
func (p *project) noteTrack(t ipc.Track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.track == nil {
		p.track, p.files = map[string]ipc.NodeRecord{}, map[string][]ipc.FileSig{}
	}
	for _, n := range t.Nodes {
		p.track[n.ID] = n
		var files []ipc.FileSig
		for _, i := range n.Inputs {
			files = append(files, t.Files[i])
		}
		p.files[n.ID] = files
	}
}

// build serves a batch of one source that must not fail.
func (p *project) build(source string) ipc.ActionResult {
	p.t.Helper()
	r := p.try(source)
	if r.Status != ipc.StatusCompiled && r.Status != ipc.StatusCached {
		p.t.Fatalf("%s: %s: %s\n%s", source, r.Status, r.Reason.Text, r.Diagnostics)
	}
	return r
}

// try serves a batch of one source.
func (p *project) try(source string) ipc.ActionResult {
	p.t.Helper()
	out, err := p.run(p.t.Context(), p.batch(source))
	if err != nil || len(out) != 1 {
		p.t.Fatalf("%s: %d results, %v", source, len(out), err)
	}
	return out[source]
}

// expect builds a source and compares what became of it.
func (p *project) expect(what, source, status, code string) ipc.ActionResult {
	p.t.Helper()
	r := p.build(source)
	if r.Status != status || r.Reason.Code != code {
		p.t.Errorf("%s: %s because of %s (%s), want %s because of %s", what, r.Status, r.Reason.Code, r.Reason.Text, status, code)
	}
	if node, ok := p.track[r.ID]; !ok || node.Unsettled != "" {
		p.t.Errorf("%s: discovery gets %+v", what, node)
	}
	return r
}

// wrap puts a script in the compiler's place that runs text around a compile, where
// "$real" "$@" is the compile; questions about search paths go straight through.
func (p *project) wrap(text string) {
	p.t.Helper()
	script := filepath.Join(p.t.TempDir(), "c++")
	body := fmt.Sprintf("#!/bin/sh\nreal=%s\ncase \" $* \" in *' -c '*) ;; *) exec $real \"$@\";; esac\n%s\n", p.tool.CXX, text)
	if err := os.WriteFile(script, []byte(body), 0o755); err != nil {
		p.t.Fatal(err)
	}
	testkit.Until(p.t, "the clock's tick", func() bool { return stamps.Now() > ipc.StatSignature(script).Ctime })
	p.tool.CXX = script
}

// plainLine is the plain compiler's command for a source.
func (p *project) plainLine(source, out string) []string {
	u := unitOf(source)
	return ipc.Command{Lang: p.lang, Args: p.args}.Line(p.tool, &u, out)
}

// oracle compiles a source plainly, as the command line says.
func (p *project) oracle(source string) string {
	p.t.Helper()
	out := filepath.Join(p.t.TempDir(), "plain.o")
	line := p.plainLine(source, out)
	cmd := exec.CommandContext(p.t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = p.root, environment.ForCommands(p.env, p.root)
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("plain compile: %v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// sameAsPlain compares an object with that of a plain compile.
func (p *project) sameAsPlain(source string) {
	p.t.Helper()
	if p.read(unitOf(source).Output()) != p.oracle(source) {
		p.t.Errorf("the object of %s is not what a plain compile makes", source)
	}
}

package oracle

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// world is one random project with all that the test knows of it. Paths are relative
// to base, which holds the project "p", a folder "ext" outside of it that links and
// include paths lead to, and the cache's "home".
type world struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	step    int
	log     []string // the steps, for a report
	logging sync.Mutex

	base     string
	env      []string // what every build gets
	extra    []string // CPATH and the like
	setEnv   []string // of the last build by the set, nil = none
	settings settings
	fresh    int // makes names unique

	old      map[string][]string  // earlier contents of files
	branches map[string]*snapshot // states to come back to
	good     *snapshot            // of the last build that succeeded
	failing  bool                 // the last build failed

	plain  *plainCompiler
	known  *knownStates
	builds int
	daemon bool // the set is used
	killed bool // daemons were killed

	auto     bool // it builds by itself
	preamble string
	tally    *tally
	// byPreamble are the objects that were made with one: with "auto" and -g they may
	// differ from plain ones in their debug information.
	byPreamble map[digest]bool

	through string // a link by which the project is opened, "" = none

	kinds     []kind // of what may go wrong, beside the changes that every project sees
	only      string // the kinds that were asked for, "" = what the seed draws
	at        string // the folder in which the project "p" lies now
	places    places
	wrapper   wrapper
	gate      *gate
	server    *cacheServer // of the kind remote
	caller    caller
	shm       string            // a folder beneath /dev/shm
	starts    time.Time         // of the last build
	inPlace   map[string][]byte // the objects that were there before the last build
	doubtful  bool              // compiles cannot be observed, so each may run again
	mountable string            // a folder on a coarse file system
	mappings  [][]byte          // files that are mapped for writing
	spoiled   []int64           // times of the outputs that the oracle wrote
}

// between returns a number from 0 to n-1, chance whether something happens in so many
// of a hundred cases.
func (w *world) between(n int) int       { return w.rng.IntN(n) }
func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func pick[T any](w *world, from []T) T { return from[w.rng.IntN(len(from))] }

func (w *world) note(format string, args ...any) {
	w.logging.Lock() // what waits at the gate notes things too
	defer w.logging.Unlock()
	w.log = append(w.log, fmt.Sprintf("%d: ", w.step)+fmt.Sprintf(format, args...))
}

// newWorld makes the project of a seed; only names the kinds that it has, "" = what
// the seed draws.
func newWorld(t *testing.T, seed uint64, only string) *world {
	t.Helper()
	w := newFolder(t, seed)
	w.drawKinds(only)
	w.generate()
	return w
}

// newFolder is a world without a project.
func newFolder(t *testing.T, seed uint64) *world {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x5eed)), base: base,
		old: map[string][]string{}, branches: map[string]*snapshot{}, known: newKnownStates(),
		tally: new(tally), byPreamble: map[digest]bool{}, at: "p",
	}
	w.env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + base, "LANG=C.UTF-8",
		"REPLIBUILD_HOME=" + w.abs("home"), "GORACE=atexit_sleep_ms=0",
	}
	w.plain = newPlainCompiler(w)
	t.Cleanup(w.endAll)
	w.must(os.MkdirAll(w.root(), 0o755))
	return w
}

func (w *world) root() string { return w.abs("p") }

// abs is where a path of the world lies: "p" is the project, wherever it was moved to.
func (w *world) abs(path string) string {
	if rest, ok := strings.CutPrefix(path, "p"); ok && (rest == "" || rest[0] == '/') {
		path = w.at + rest
	}
	return filepath.Join(w.base, path)
}

// rel is the opposite of abs.
func (w *world) rel(abs string) string {
	path, _ := filepath.Rel(w.base, abs)
	if rest, ok := strings.CutPrefix(path, w.at); ok && (rest == "" || rest[0] == '/') {
		path = "p" + rest
	}
	return path
}

// project is the project as a shell with the world's environment sees it now.
func (w *world) project() *replibuild.Project {
	w.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := replibuild.Open(w.abs(cmp.Or(w.through, "p")), replibuild.Options{Env: w.environ(), Executable: exe})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// environ is the environment of a build.
func (w *world) environ() []string { return slices.Concat(w.env, w.extra) }

// endAll stops the set and kills what does not stop: some were left hanging.
func (w *world) endAll() {
	for _, pid := range w.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for end := time.Now().Add(time.Minute); len(w.processes()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Errorf("processes %v are left behind", w.processes())
			return
		}
	}
}

// processes are those of the world's daemons.
func (w *world) processes() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(env), "REPLIBUILD_HOME="+w.abs("home")+"\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// compilers are the names for replibuild.toml of what is installed.
func compilers(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"clang++-19", "clang++", "g++"} {
		if _, err := exec.LookPath(name); err == nil && !(name == "clang++" && len(found) > 0) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Skip("neither clang++ nor g++ is installed")
	}
	return found
}

// ours reports whether a path belongs to builds, not to the user who edits the project.
func ours(path string) bool {
	return path == "p/build" || path == "p/.replibuild"
}

// node is a file, link or folder of a tree.
type node struct {
	kind byte   // 'f', 'x' if it can be executed, 'l', 'd'
	text string // content, or what a link leads to
}

// real is the file that a path leads to.
func (w *world) real(path string) string {
	abs, err := filepath.EvalSymlinks(w.abs(path))
	w.must(err)
	return abs
}

// tree reads all that is not made by builds, links as links.
func (w *world) tree() map[string]node {
	out := map[string]node{}
	for _, top := range []string{"p", "ext"} {
		err := filepath.WalkDir(w.abs(top), func(abs string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			path := w.rel(abs)
			switch {
			case ours(path):
				return filepath.SkipDir
			case d.IsDir():
				out[path] = node{'d', ""}
			case d.Type()&fs.ModeSymlink != 0:
				to, err := os.Readlink(abs)
				out[path] = node{'l', to}
				return err
			case d.Type().IsRegular():
				text, err := os.ReadFile(abs)
				out[path] = node{kindOfFile(d), string(text)}
				return err
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

func kindOfFile(d fs.DirEntry) byte {
	if info, err := d.Info(); err == nil && info.Mode()&0o100 != 0 {
		return 'x'
	}
	return 'f'
}

// snapshot is a state of the project to come back to, as a branch is.
type snapshot struct {
	tree     map[string]node
	settings settings
	extra    []string
}

func (w *world) snapshot() *snapshot {
	return &snapshot{w.tree(), w.settings.clone(), slices.Clone(w.extra)}
}

// restore brings a state back, writing only what differs, as git does.
func (w *world) restore(s *snapshot) {
	w.settings, w.extra = s.settings.clone(), slices.Clone(s.extra)
	now := w.tree()
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(now))) {
		if want, ok := s.tree[path]; !ok || want.kind != now[path].kind || want.kind == 'l' && want != now[path] {
			w.must(os.RemoveAll(w.abs(path)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.tree)) {
		want := s.tree[path]
		switch is, ok := now[path]; {
		case ok && is == want:
		case want.kind == 'd':
			w.must(os.MkdirAll(w.abs(path), 0o755))
		case want.kind == 'l':
			w.must(os.Symlink(want.text, w.abs(path)))
		default:
			w.save(path, want.text, w.chance(50))
			if want.kind == 'x' {
				w.must(os.Chmod(w.abs(path), 0o755))
			}
		}
	}
}

// save writes a file, in place or by renaming a new one over it, as editors do. A folder
// in its place is removed.
func (w *world) save(path, text string, inPlace bool) {
	abs := w.abs(path)
	if info, err := os.Lstat(abs); err == nil && info.IsDir() {
		w.must(os.RemoveAll(abs))
	}
	w.must(os.MkdirAll(filepath.Dir(abs), 0o755))
	if before, err := os.ReadFile(abs); err == nil {
		w.old[path] = append(w.old[path], string(before))
	}
	if inPlace {
		w.must(os.WriteFile(abs, []byte(text), 0o644))
		return
	}
	temp := filepath.Join(filepath.Dir(abs), "save.tmp") // a long name has no room for an ending
	w.must(os.WriteFile(temp, []byte(text), 0o644))
	w.must(os.Rename(temp, abs))
}

// must ends the test on an error of the test itself.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("seed %d: %v\n%s", w.seed, err, strings.Join(w.log, "\n"))
	}
}

func (w *world) read(path string) string {
	text, err := os.ReadFile(w.abs(path))
	w.must(err)
	return string(text)
}

// isFile follows links, as a compiler does.
func (w *world) isFile(path string) bool { return ipc.StatSignature(w.abs(path)).IsRegular() }

func (w *world) isDir(path string) bool { return ipc.StatSignature(w.abs(path)).IsDir() }

// files lists the paths of regular files and links to them that a test accepts.
func (w *world) files(accept func(path string) bool) []string {
	var out []string
	for path, n := range w.tree() {
		if n.kind != 'd' && accept(path) && w.isFile(path) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

func isHeader(path string) bool { return strings.HasSuffix(path, ".h") }

func isSource(path string) bool {
	return strings.HasPrefix(path, "p/src/") && (strings.HasSuffix(path, ".c") || strings.HasSuffix(path, ".cpp")) && !ofAnEditor(path)
}

func (w *world) headers() []string { return w.files(isHeader) }
func (w *world) sources() []string { return w.files(isSource) }

// report prints all that is needed to see and repeat a failure.
func (w *world) report(wrong []string) {
	w.t.Helper()
	keepWorld(w.base, w.seed)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, step %d:\n", w.seed, w.step)
	for _, s := range wrong {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	fmt.Fprintf(&b, "again: ORACLE_ONLY=%s make oracle SEED=%d STEPS=%d\n", w.only, w.seed, w.step+1)
	fmt.Fprintf(&b, "kinds: %s\nsteps:\n  %s\n", w.kindNames(), strings.Join(w.log, "\n  "))
	fmt.Fprintf(&b, "environment: %q, it builds by itself: %v, preambles: %s\nproject:\n", w.extra, w.auto, w.preamble)
	tree := w.tree()
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		switch n := tree[path]; n.kind {
		case 'd':
			fmt.Fprintf(&b, "-- %s/ --\n", path)
		case 'l':
			fmt.Fprintf(&b, "-- %s -> %s --\n", path, n.text)
		default:
			fmt.Fprintf(&b, "-- %s --\n%s", path, printable(n.text))
		}
	}
	w.t.Error(b.String())
}

// printable is a file's text, or how long it is if it is none.
func printable(text string) string {
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return fmt.Sprintf("(%d bytes)\n", len(text))
	}
	return text
}

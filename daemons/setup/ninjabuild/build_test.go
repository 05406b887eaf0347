//go:build unix

package ninjabuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// builds runs our ninja and checks all that it says on standard output.
func builds(t *testing.T, dir string, code int, want string, args ...string) {
	t.Helper()
	got := ours(t, dir, args...)
	if got.code != code || got.stdout != want || got.stderr != "" {
		t.Errorf("%q: exit code %d, want %d\n%s\nwant\n%s\nstderr: %s", args, got.code, code, got.stdout, want, got.stderr)
	}
}

const noWork = "ninja: no work to do.\n"

// has fails unless exactly these of the names are files.
func has(t *testing.T, dir string, there ...string) {
	t.Helper()
	for _, name := range there {
		path, absent := strings.CutPrefix(name, "!")
		if _, err := os.Lstat(filepath.Join(dir, path)); (err == nil) == absent {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule f
  command = echo said; exit $code
  description = DO $out
rule ok
  command = touch $out
build a | a2: f
  code = 3
build b: f
  code = 4
build c: ok
build d: ok a
`)
	builds(t, dir, 3, "[1/1] DO a\nFAILED: [code=3] a a2 \necho said; exit 3\nsaid\nninja: build stopped: subcommand failed.\n", "a", "-j1")
	builds(t, dir, 4, "[1/3] DO a\nFAILED: [code=3] a a2 \necho said; exit 3\nsaid\n[2/3] DO b\nFAILED: [code=4] b \necho said; exit 4\nsaid\n"+
		"ninja: build stopped: subcommands failed.\n", "-j1", "-k2", "d", "b")
	builds(t, dir, 3, "[1/3] DO a\nFAILED: [code=3] a a2 \necho said; exit 3\nsaid\n[2/3] touch c\n"+
		"ninja: build stopped: cannot make progress due to previous errors.\n", "-j1", "-k0", "d", "c")
	builds(t, dir, 0, noWork, "c")
	builds(t, dir, 4, "FAILED: [code=4] b \necho said; exit 4\nsaid\nninja: build stopped: subcommand failed.\n", "--quiet", "b")
}

func TestCommandsThatDie(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule f
  command = $do
build killed: f
  do = kill -9 $$$$
build term: f
  do = kill -TERM $$$$
build missing: f
  do = no-such-program-here
`)
	builds(t, dir, 137, "[1/1] kill -9 $$\nFAILED: [code=137] killed \nkill -9 $$\nninja: build stopped: subcommand failed.\n", "killed")
	builds(t, dir, 130, "ninja: build stopped: interrupted by user.\n", "term")
	if got := ours(t, dir, "missing"); got.code != 127 || !strings.Contains(got.stdout, "FAILED: [code=127] missing") || !strings.Contains(got.stdout, "not found") {
		t.Errorf("%+v", got)
	}
	write(t, dir, "build.ninja", "rule f\n  command = : "+strings.Repeat("x", 200_000)+"\nbuild long: f\n")
	if got := ours(t, dir, "long"); got.code != 1 || got.stderr != "ninja: fatal: posix_spawn: Argument list too long\n" {
		t.Errorf("%d, %s", got.code, got.stderr)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule slow
  command = $change; touch started.$out; sleep 1000 & wait
rule dep
  command = touch started.$out; sleep 1000
  depfile = $out.d
build new: slow
  change = echo half >new
build old: slow
  change = :
build withdeps: dep
build all: phony new old withdeps
`, "old", "kept", "withdeps", "goes", "withdeps.d", "withdeps:")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	over := make(chan outcome)
	go func() {
		over <- oursIn(ctx, Caller{Dir: dir, Args: []string{"-j9", "all"}, Env: testEnv(), Runner: Shell{}})
	}()
	for _, name := range []string{"new", "old", "withdeps"} {
		for seen := false; !seen; time.Sleep(time.Millisecond) {
			_, err := os.Stat(filepath.Join(dir, "started."+name))
			seen = err == nil
			select {
			case got := <-over:
				t.Fatalf("ended early: %+v", got)
			default:
			}
		}
	}
	cancel(Interrupt{Signal: 15})
	got := <-over
	if got.code != 130 || got.stdout != "ninja: build stopped: interrupted by user.\n" {
		t.Errorf("%+v", got)
	}
	has(t, dir, "!new", "old", "!withdeps", "!withdeps.d", "!.ninja_lock")
}

func TestResponseFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule r
  command = cat $out.rsp >$out; $then
  rspfile = $out.rsp
  rspfile_content = $in_newline $more
build a: r x y$ z
build sub/b: r x
  then = false
`, "x", "", "y z", "")
	builds(t, dir, 0, "[1/1] cat a.rsp >a; \n", "a")
	if got := read(t, dir, "a"); got != "x\n'y z' " {
		t.Errorf("%q", got)
	}
	builds(t, dir, 0, noWork, "a")
	builds(t, dir, 1, "[1/1] cat sub/b.rsp >sub/b; false\nFAILED: [code=1] sub/b \ncat sub/b.rsp >sub/b; false\nninja: build stopped: subcommand failed.\n", "sub/b")
	has(t, dir, "!a.rsp", "sub/b.rsp")
	write(t, dir, "build.ninja", strings.Replace(read(t, dir, "build.ninja"), "build a: r x y$ z", "build a: r x y$ z\n  more = more", 1))
	builds(t, dir, 0, "[1/1] cat a.rsp >a; \n", "a", "-d", "keeprsp") // the content is part of the command
	has(t, dir, "a.rsp")
}

func TestDepfiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule gcc
  command = cat $in >$out; printf '$out: $in h.h\n' >$out.d
  description = GCC $out
  depfile = $out.d
  deps = gcc
rule plain
  command = cat $in >$out; printf '$out: $in h.h\n' >$out.d
  description = PLAIN $out
  depfile = $out.d
rule broken
  command = touch $out; printf '$text' >$out.d
  description = BROKEN $out
  depfile = $out.d
  deps = $kind
build sub/a: gcc in
build sub/b: plain in
build c: broken
  text = nothing here
  kind = gcc
build d: broken
  text = other: in
build e: broken
  text = nothing here
build f: broken
  text = f: a\\nf: b\\n
`, "in", "", "h.h", "")
	builds(t, dir, 0, "[1/2] GCC sub/a\n[2/2] PLAIN sub/b\n", "-j1", "sub/a", "sub/b")
	has(t, dir, "!sub/a.d", "sub/b.d")
	builds(t, dir, 0, noWork, "sub/a", "sub/b")
	tick(t, dir)
	write(t, dir, "h.h", "")
	builds(t, dir, 0, "[1/2] GCC sub/a\n[2/2] PLAIN sub/b\n", "-j1", "sub/a", "sub/b", "-d", "keepdepfile")
	has(t, dir, "sub/a.d")
	os.Remove(filepath.Join(dir, "h.h")) // a header that went is no mistake: the compiler will say
	builds(t, dir, 0, "[1/2] GCC sub/a\n[2/2] PLAIN sub/b\n", "-j1", "sub/a", "sub/b")
	builds(t, dir, 1, "[1/1] BROKEN c\nFAILED: [code=1] c \ntouch c; printf 'nothing here' >c.d\nexpected ':' in depfile\nninja: build stopped: subcommand failed.\n", "c")
	for range 2 { // another's depfile: never believed
		builds(t, dir, 0, "[1/1] BROKEN d\n", "d")
	}
	builds(t, dir, 0, "[1/1] BROKEN e\n", "e")
	if got := ours(t, dir, "e"); got.code != 1 || got.stderr != "ninja: error: e.d: expected ':' in depfile\n" {
		t.Errorf("%+v", got)
	}
}

func TestRestat(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule same
  command = head -c 1 $in >$out.new; cmp -s $out.new $out && rm $out.new || mv $out.new $out
  description = SAME $out
  restat = 1
rule cp
  command = cp $in $out
  description = CP $out
build a: same in
build b: cp a
build c: cp b || a
`, "in", "1x")
	builds(t, dir, 0, "[1/3] SAME a\n[2/3] CP b\n[3/3] CP c\n")
	tick(t, dir)
	write(t, dir, "in", "1y")
	builds(t, dir, 0, "[1/3] SAME a\n") // what is behind it is cut off
	builds(t, dir, 0, noWork)
	tick(t, dir)
	write(t, dir, "in", "2y")
	builds(t, dir, 0, "[1/3] SAME a\n[2/3] CP b\n[3/3] CP c\n")
}

func TestManifestIsRebuilt(t *testing.T) {
	t.Parallel()
	dir := folder(t, "gen", "rule g\n  command = cp gen build.ninja\n  generator = 1\n  description = GEN\nrule t\n  command = touch $out\nbuild build.ninja: g gen\nbuild a: t\n")
	write(t, dir, "build.ninja", read(t, dir, "gen"))
	builds(t, dir, 0, "[1/1] touch a\n")
	tick(t, dir)
	write(t, dir, "gen", strings.Replace(read(t, dir, "gen"), "build a: t", "build b: t", 1))
	builds(t, dir, 0, "[1/1] GEN\n", "-n")
	builds(t, dir, 0, "[1/1] GEN\n[1/1] touch b\n")
	builds(t, dir, 0, noWork)
	write(t, dir, "build.ninja", strings.Replace(read(t, dir, "gen"), "generator = 1", "generator = 1 # another command is no reason", 1))
	builds(t, dir, 0, noWork)
	tick(t, dir)
	write(t, dir, "gen", "mistake\n")
	if got := ours(t, dir); got.code != 1 || got.stdout != "[1/1] GEN\n" || !strings.HasPrefix(got.stderr, "ninja: error: build.ninja:1: expected '=', got newline") {
		t.Errorf("%+v", got)
	}
	write(t, dir, "build.ninja", "rule g\n  command = exit 7\nbuild build.ninja: g always\nbuild always: phony\n")
	if got := ours(t, dir); got.code != 1 || got.stderr != "ninja: error: rebuilding 'build.ninja': subcommand failed\n" {
		t.Errorf("%+v", got)
	}
	write(t, dir, "build.ninja", "rule g\n  command = echo x >>count; touch build.ninja\nbuild build.ninja: g always\nbuild always: phony\n")
	if got := ours(t, dir, "--quiet"); got.code != 1 || got.stderr != "ninja: error: manifest 'build.ninja' still dirty after 100 tries, perhaps system time is not set\n" {
		t.Errorf("%+v", got)
	}
	if n := strings.Count(read(t, dir, "count"), "x"); n != 100 {
		t.Errorf("%d tries", n)
	}
}

// Pools, -j and the console: how many commands run at the same time.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pool string
		jobs int
		most int
	}{{"", 3, 3}, {"", 1, 1}, {"two", 9, 2}, {"console", 9, 1}, {"none", 9, 6}} {
		t.Run(fmt.Sprint(tt.pool, tt.jobs), func(t *testing.T) {
			t.Parallel()
			manifest := "pool two\n  depth = 2\npool none\n  depth = 0\nrule r\n  command = c\n  pool = " + tt.pool + "\n"
			for i := range 6 {
				manifest += fmt.Sprintf("build out%d: r\n", i)
			}
			dir := folder(t, "build.ninja", manifest)
			n, got := peak(t, Caller{Dir: dir, Args: []string{fmt.Sprint("-j", tt.jobs)}, Env: testEnv(), Runner: newGate(tt.most)})
			if got.code != 0 || n != tt.most {
				t.Errorf("%+v, %d at once, want %d", got, n, tt.most)
			}
		})
	}
}

// gate is a runner that lets nothing pass until as many commands run as may.
type gate struct {
	most    int
	open    chan struct{}
	mu      sync.Mutex
	arrived int
}

func newGate(most int) *gate { return &gate{most: most, open: make(chan struct{})} }

func (g *gate) Run(context.Context, Command) Result {
	g.mu.Lock()
	g.arrived++
	if g.arrived == g.most {
		close(g.open)
	}
	g.mu.Unlock()
	<-g.open
	return Result{}
}

// peak is how many commands ran at the same time at most, by the status line of a build.
func peak(t *testing.T, c Caller) (n int, got outcome) {
	t.Helper()
	c.Env = append(c.Env, "NINJA_STATUS=running %r;", "TERM=xterm")
	c.Width = func() int { return 80 }
	got = oursIn(context.Background(), c)
	for _, m := range regexp.MustCompile(`running (\d+);`).FindAllStringSubmatch(got.stdout, -1) {
		running, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n = max(n, running)
	}
	return n, got
}

// The longest chain goes first.
func TestOrder(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule t
  command = touch $out
build a: t
build b: t
build long2: t long1
build long1: t
build p: phony b
build c: t p
`)
	builds(t, dir, 0, "[1/5] touch b\n[2/5] touch long1\n[3/5] touch a\n[4/5] touch long2\n[5/5] touch c\n", "-j1")
}

func TestDyndep(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule cp
  command = cp $in $out
rule mod
  command = cat $in $need >$out; echo $out >$out.mod
rule same
  command = :
build dd: cp dd.in
build a: mod src || dd
  dyndep = dd
build b: mod src || dd
  dyndep = dd
  need = a.mod
`, "src", "s", "dd.in", "ninja_dyndep_version = 1\nbuild a | a.mod: dyndep\nbuild b | b.mod: dyndep | a.mod\n  restat = 1\n")
	builds(t, dir, 0, "[1/3] cp dd.in dd\n[2/3] cat src  >a; echo a >a.mod\n[3/3] cat src a.mod >b; echo b >b.mod\n")
	builds(t, dir, 0, noWork)
	os.Remove(filepath.Join(dir, "a.mod")) // known from the dyndep file
	builds(t, dir, 0, "[1/2] cat src  >a; echo a >a.mod\n[2/2] cat src a.mod >b; echo b >b.mod\n")
	for text, want := range map[string]string{
		"":                           "dd:1: expected 'ninja_dyndep_version = ...'\n",
		"ninja_dyndep_version = 2\n": "dd:1: unsupported 'ninja_dyndep_version = 2'\nninja_dyndep_version = 2\n                        ^ near here",
		"ninja_dyndep_version = 1\nbuild a: dyndep\n":                                        "'b' not mentioned in its dyndep file 'dd'",
		"ninja_dyndep_version = 1\nbuild a: dyndep\nbuild b: dyndep | a\nbuild dd: dyndep\n": "dyndep file 'dd' mentions output 'dd' whose build statement does not have a dyndep binding for the file",
		"ninja_dyndep_version = 1\nbuild a: dyndep\nbuild b | a: dyndep\n":                   "multiple rules generate a",
		"ninja_dyndep_version = 1\nbuild a: dyndep | b\nbuild b: dyndep | a\n":               "dependency cycle: ",
		"ninja_dyndep_version = 1\nbuild a: dyndep\nbuild nope: dyndep\n":                    "dd:3: no build statement exists for 'nope'\n",
		"ninja_dyndep_version = 1\nbuild a x: dyndep\n":                                      "dd:2: explicit outputs not supported\n",
		"ninja_dyndep_version = 1\nbuild a: dyndep x\n":                                      "dd:2: explicit inputs not supported\n",
		"ninja_dyndep_version = 1\nbuild a: dyndep || x\n":                                   "dd:2: order-only inputs not supported\n",
		"ninja_dyndep_version = 1\nbuild a: dyndep\n  other = 1\n":                           "dd:3: binding is not 'restat'\n",
		"ninja_dyndep_version = 1\nbuild a: dyndep\nbuild a: dyndep\n":                       "dd:3: multiple statements for 'a'\n",
		"ninja_dyndep_version = 1\nbuild a: other\n":                                         "dd:2: expected build command name 'dyndep'\n",
	} {
		write(t, dir, "dd.in", text)
		os.Remove(filepath.Join(dir, "dd"))
		if got := ours(t, dir, "-j1"); got.code != 1 || !strings.Contains(got.stdout, "ninja: build stopped: "+want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestValidations(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule t
  command = touch $out
rule f
  command = false
build a: t src |@ check
build check: f a
build b: t a
`, "src", "")
	got := ours(t, dir, "-j1", "-k0", "b")
	if got.code != 1 || got.stdout != "[1/3] touch a\n[2/3] false\nFAILED: [code=1] check \nfalse\n[3/3] touch b\nninja: build stopped: cannot make progress due to previous errors.\n" {
		t.Errorf("%+v", got)
	}
	if got := ours(t, dir, "b"); got.code != 1 { // b is there, the check has failed
		t.Errorf("%+v", got)
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	dir := folder(t, "sub/build.ninja", "builddir = out\nrule t\n  command = pwd >$out\nbuild out/deep/a: t\nbuild b: t\n")
	builds(t, dir, 0, "ninja: Entering directory `sub'\n[1/1] pwd >out/deep/a\n", "-C", "sub", "deep/a")
	has(t, dir, "sub/out/.ninja_log", "sub/out/.ninja_deps", "!sub/.ninja_log", "!.ninja_log", "!sub/out/.ninja_lock")
	if got, _ := filepath.EvalSymlinks(filepath.Join(dir, "sub")); strings.TrimSpace(read(t, dir, "sub/out/deep/a")) != got {
		t.Error(read(t, dir, "sub/out/deep/a"))
	}
	builds(t, dir, 0, "", "-C", "sub", "--quiet", "out/deep/../deep/a")
}

// The headers that a compiler of Microsoft's prints.
func TestDepsOfOutput(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "rule cl\n  command = echo 'Including: h.h'; echo said; touch $out\n  deps = msvc\n  msvc_deps_prefix = Including:\n  description = CL\nbuild a: cl\n", "h.h", "")
	builds(t, dir, 0, "[1/1] CL\nsaid\n")
	builds(t, dir, 0, noWork)
	tick(t, dir)
	write(t, dir, "h.h", "")
	builds(t, dir, 0, "[1/1] CL\nsaid\n")
}

// Flags A, B, A: what B has half written is never taken for what A makes, and what it has
// not touched is not made again.
func TestFlagsThereAndBack(t *testing.T) {
	t.Parallel()
	manifest := func(command string) string {
		return "rule r\n  command = " + command + "\n  description = R\nbuild a: r\n"
	}
	const good = "echo A >a"
	dir := folder(t, "build.ninja", manifest(good))
	builds(t, dir, 0, "[1/1] R\n")
	for _, bad := range []string{"echo half >a; false", "false"} {
		write(t, dir, "build.ninja", manifest(bad))
		tick(t, dir)
		if got := ours(t, dir); got.code != 1 {
			t.Errorf("%+v", got)
		}
		write(t, dir, "build.ninja", manifest(good))
		want := "[1/1] R\n"
		if bad == "false" {
			want = noWork
		}
		builds(t, dir, 0, want)
		if got := read(t, dir, "a"); got != "A\n" {
			t.Errorf("after %q: %q", bad, got)
		}
	}
}

// Outputs that are no plain files, and folders that are links.
func TestOddOutputs(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule mkdir
  command = mkdir -p $out
rule ln
  command = ln -sf $in $out
rule none
  command = :
rule cp
  command = cp $in $out
build folder: mkdir
build link: ln in
build none: none
build linked/out: cp in
build over: cp linked/../linked/out | ./in
`, "in", "text", "real/.keep", "")
	if err := os.Symlink("real", filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	builds(t, dir, 0, "[1/4] cp in linked/out\n[2/4] mkdir -p folder\n[3/4] ln -sf in link\n[4/4] cp linked/out over\n", "-j1", "folder", "link", "over")
	has(t, dir, "folder", "link", "real/out", "over")
	builds(t, dir, 0, noWork, "folder", "link", ".//over")
	for range 2 { // a command that does not make its output is no mistake, and runs again
		builds(t, dir, 0, "[1/1] :\n", "none")
	}
}

// Why something runs.
func TestExplain(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "rule cp\n  command = cp $in $out\nbuild a: cp in\nbuild b: cp a\n", "in", "")
	explained := func(want string) {
		t.Helper()
		if got := ours(t, dir, "-d", "explain", "--quiet"); got.code != 0 || got.stderr != want {
			t.Errorf("%q, want %q", got.stderr, want)
		}
	}
	explained("ninja explain: output a doesn't exist\nninja explain: a is dirty\n")
	explained("")
	write(t, dir, "build.ninja", "rule cp\n  command = cp  $in $out\nbuild a: cp in\n")
	explained("ninja explain: command line changed for a\n")
	os.Remove(filepath.Join(dir, ".ninja_log"))
	explained("ninja explain: command line not found in log for a\n")
	tick(t, dir)
	write(t, dir, "in", "")
	if got := ours(t, dir, "-d", "explain"); !strings.HasPrefix(got.stderr, "ninja explain: output a older than most recent input in (") {
		t.Errorf("%q", got.stderr)
	}
	// That a dyndep file was loaded is a reason of the edge that makes it, which is told when it starts.
	write(t, dir, "build.ninja", "rule cp\n  command = cp $in $out\nbuild a: cp in || dd\n  dyndep = dd\nbuild b: cp a\n")
	write(t, dir, "dd", "ninja_dyndep_version = 1\nbuild a: dyndep\n")
	explained("ninja explain: command line changed for a\nninja explain: a is dirty\n")
}

package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	manifestSteps    = 16 // in the run among the other tests
	manifestPerShort = 8
	manifestPerWorld = 25
)

// TestManifests makes random build.ninja files and random changes, builds one tree by `replibuild
// ninja` and another by ninja, and compares all that the two leave and say. ORACLE_STEPS and
// ORACLE_SEED are as for TestOracle; a seed that fails makes the same steps again. ORACLE_NINJA is
// the ninja to compare with, ORACLE_PROGRAM the replibuild, ORACLE_KEEP a folder to copy trees to that differ. With ninja 1.13 more is compared than
// with older ones: exit codes, the order of commands, and the texts of failures.
func TestManifests(t *testing.T) {
	t.Parallel()
	real := realNinja(t)
	program := testedProgram(t)
	var all counted[mCounts]
	t.Cleanup(func() { t.Logf("%+v", all.sum) })
	eachSeed(t, manifestSteps, manifestPerShort, manifestPerWorld, 2, func(t *testing.T, seed uint64, steps int) {
		w := newTrees(t, seed, program, real)
		for w.step = range steps {
			if wrong := w.makeStep(); wrong != "" {
				w.report(wrong)
				return
			}
		}
		all.add(w.counts)
	})
}

// mCounts are what a run has done.
type mCounts struct{ Steps, Builds, Ran, Nothing, Failed, Blind, Killed, Crashed, Tools, Preambles int }

// mNinja is the ninja that is compared with.
type mNinja struct {
	path   string
	recent bool // 1.13 or later: the version that we are
}

func realNinja(t *testing.T) mNinja {
	t.Helper()
	path := os.Getenv("ORACLE_NINJA")
	if path == "" {
		var err error
		if path, err = exec.LookPath("ninja"); err != nil {
			t.Skip("ninja is not installed")
		}
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var major, minor int
	fmt.Sscanf(string(out), "%d.%d", &major, &minor)
	return mNinja{path, major > 1 || minor >= 13}
}

// testedProgram is the replibuild that is tested.
func testedProgram(t *testing.T) string {
	t.Helper()
	if program := os.Getenv("ORACLE_PROGRAM"); program != "" {
		return program
	}
	program := filepath.Join(t.TempDir(), "replibuild")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/replibuild").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// trees are two copies of one build folder: ours, and that of ninja.
type trees struct {
	*testing.T
	*manifest
	seed    uint64
	step    int
	log     []string
	base    string
	program string
	real    mNinja
	counts  mCounts

	text    map[string]string // the sources as they are
	old     map[string]string // deleted sources
	env     []string          // what a compiler asks for
	failing bool              // the last build failed
	blind   bool              // something changed that ninja does not look at
	wrong   string            // what a change found
	foreign map[string]bool   // outputs of native edges that ninja has made in our tree
}

func newTrees(t *testing.T, seed uint64, program string, real mNinja) *trees {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := draws{rand.New(rand.NewPCG(seed, 0x21a))}
	w := &trees{T: t, manifest: newManifest(d, d.chance(40), real.recent), seed: seed, base: base, program: program, real: real, text: map[string]string{}, old: map[string]string{}, foreign: map[string]bool{}}
	t.Cleanup(w.stop)
	for _, dir := range []string{"ours", "theirs"} {
		w.must(os.MkdirAll(w.at(dir, "real"), 0o755))
		w.must(os.Symlink("real", w.at(dir, "lnk")))
	}
	for i, s := range w.sources {
		w.save(s, fmt.Sprintf("source %d\n", i))
	}
	w.save("inc1/h0.h", "#define H0 1\n")
	w.save("inc1/h1.h", "#define H1 1\n")
	for _, c := range w.cSources {
		w.save(c, w.cText(c, 1))
	}
	if w.maker != "" {
		w.save("build.ninja", mMaker+"build build.ninja: "+strings.ReplaceAll(strings.Replace(w.maker, "generator", "generate", 1), " ", "")+" manifest.in\n  id = manifest\n")
		delete(w.text, "build.ninja")
		w.tick()
	}
	w.write()
	if real.recent { // such a ninja starts over with an older log
		for _, dir := range []string{"ours", "theirs"} {
			w.must(os.MkdirAll(w.at(dir, w.buildDir), 0o755))
			w.must(os.WriteFile(w.at(dir, filepath.Join(w.buildDir, ".ninja_log")), []byte("# ninja log v7\n"), 0o644))
		}
	}
	return w
}

func (w *trees) at(tree, path string) string { return filepath.Join(w.base, tree, path) }

func (w *trees) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("seed %d, step %d: %v", w.seed, w.step, err)
	}
}

func (w *trees) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%d: ", w.step)+fmt.Sprintf(format, args...))
}

// save writes a source into both trees.
func (w *trees) save(path, text string) {
	w.text[path] = text
	for _, dir := range []string{"ours", "theirs"} {
		w.must(os.MkdirAll(filepath.Dir(w.at(dir, path)), 0o755))
		w.must(os.WriteFile(w.at(dir, path), []byte(text), 0o644))
	}
}

// write writes the manifest as it is now, files that differ only.
func (w *trees) write() {
	for path, text := range w.files() {
		if old, there := w.text[path]; !there || old != text {
			w.save(path, text)
		}
	}
}

func (w *trees) report(wrong string) {
	keepWorld(w.base, w.seed)
	w.Errorf("seed %d, step %d:\n%s\nsteps:\n  %s\n%s", w.seed, w.step, wrong, strings.Join(w.log, "\n  "), w.manifestText())
}

func (w *trees) manifestText() string {
	files := w.files()
	text := ""
	for _, name := range []string{"build.ninja", "manifest.in", "inc.ninja", "sub .ninja"} {
		if files[name] != "" {
			text += "--- " + name + "\n" + files[name]
		}
	}
	return text
}

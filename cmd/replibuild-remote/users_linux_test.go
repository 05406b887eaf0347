package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// user is a user of a machine: a home, an environment, and the programs side by side.
type user struct {
	t    testing.TB
	home string
	bin  string
	env  []string
	cpu  time.Duration
	wrap []string // put before each command, to run it in another view of the machine
}

// newUser makes a user with a config.toml. The user's daemons end with the test.
func newUser(t testing.TB, config string) *user {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, home: home, bin: filepath.Join(home, "bin")}
	u.write("bin/kept", "")
	for _, name := range []string{"replibuild", "replibuild-remote"} {
		// A link of its own for each name: a symlink would lead to the folder of the test.
		if err := os.Link(own, filepath.Join(u.bin, name)); err != nil {
			copyFile(t, own, filepath.Join(u.bin, name))
		}
	}
	u.write(".replibuild/config.toml", config)
	u.env = []string{
		"HOME=" + home, "REPLIBUILD_HOME=" + filepath.Join(home, ".replibuild"), "PATH=" + u.bin + ":/usr/local/bin:/usr/bin:/bin",
		"LANG=C.UTF-8", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
	}
	return u
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, []byte(readAll(t, from)), 0o755); err != nil {
		t.Fatal(err)
	}
}

// write writes a file beneath the user's home.
func (u *user) write(name, text string) {
	u.t.Helper()
	file := filepath.Join(u.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// command runs a command of the user's in a folder and returns what it printed and its exit
// code. The processor time that it took is added to u.cpu.
func (u *user) command(dir string, args ...string) (stdout, stderr string, exit int) {
	u.t.Helper()
	line := append(append([]string{}, u.wrap...), args...)
	if path := filepath.Join(u.bin, line[0]); filepath.Base(line[0]) == "replibuild" {
		line[0] = path
	}
	cmd := exec.Command(line[0], line[1:]...)
	var out, errors bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, u.env, &out, &errors
	err := cmd.Run()
	if cmd.ProcessState == nil {
		u.t.Fatalf("%q: %v", line, err)
	}
	u.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return out.String(), errors.String(), cmd.ProcessState.ExitCode()
}

// daemons has the user's builds use daemons. They are stopped at the end of the test.
func (tr *tree) daemons() {
	tr.t.Helper()
	tr.t.Cleanup(func() {
		if _, stderr, exit := tr.command(tr.home, "replibuild", "stop", "--all"); exit != 0 {
			tr.t.Errorf("stop: %s", stderr)
		}
	})
}

// tree is a folder with the sources of a project.
type tree struct {
	*user
	root string
}

// tree makes a folder of a name with files, as "NAME: TEXT" pairs.
func (u *user) tree(name string, files map[string]string) *tree {
	tr := &tree{u, filepath.Join(u.home, name)}
	for file, text := range files {
		tr.save(file, text)
	}
	return tr
}

func (tr *tree) save(file, text string) {
	tr.t.Helper()
	tr.write(strings.TrimPrefix(filepath.Join(tr.root, file), tr.home+"/"), text)
}

func (tr *tree) read(file string) string {
	tr.t.Helper()
	text, err := os.ReadFile(filepath.Join(tr.root, file))
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(text)
}

// outcome is a build as its events tell.
type outcome struct {
	tiers    map[string]string // where the result of a source or target came from; "" = it was made
	statuses map[string]string
	reasons  map[string]string
	notices  []string
	exit     int
	seconds  float64
	text     string
}

// compile builds the tree in one process and reads the events.
func (tr *tree) compile(args ...string) outcome {
	tr.t.Helper()
	return tr.build(append([]string{"replibuild", "compile", "--json", "--no-daemon"}, args...)...)
}

func (tr *tree) build(line ...string) outcome {
	tr.t.Helper()
	stdout, stderr, exit := tr.command(tr.root, line...)
	b := outcome{tiers: map[string]string{}, statuses: map[string]string{}, reasons: map[string]string{}, exit: exit, text: stdout + stderr}
	for _, line := range strings.Split(stdout, "\n") {
		var e struct {
			Event, File, Target, Status, Message string
			Reason                               ipc.Reason
			Seconds                              float64
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		switch e.Event {
		case "unit_finished":
			b.tiers[e.File], b.statuses[e.File] = e.Reason.Tier, e.Status
			b.reasons[e.File] = e.Reason.Text
		case "link_finished":
			b.tiers[e.Target], b.statuses[e.Target] = e.Reason.Tier, e.Status
		case "build_finished":
			b.seconds = e.Seconds
		case "notice":
			b.notices = append(b.notices, e.Message)
		}
	}
	return b
}

// from expects a build that succeeded and in which a source or target came from a tier, "" if
// it had to be made.
func (b outcome) from(t testing.TB, what, name, tier string) {
	t.Helper()
	if b.exit != 0 {
		t.Fatalf("%s: exit %d: %s", what, b.exit, b.text)
	}
	if got, is := b.tiers[name]; !is || got != tier {
		t.Errorf("%s: %s came from %q, want %q: %s", what, name, got, tier, b.text)
	}
}

// prints expects that the program of the tree prints a text.
func (tr *tree) prints(what, want string) {
	tr.t.Helper()
	if out, _, _ := tr.command(tr.root, filepath.Join(tr.root, "build/app")); out != want {
		tr.t.Errorf("%s: the program prints %q, want %q", what, out, want)
	}
}

// right is prints, and expects that a build that asks no cache makes the same files.
func (tr *tree) right(what, want string, files ...string) {
	tr.t.Helper()
	tr.prints(what, want)
	got := map[string]string{}
	for _, f := range files {
		got[f] = tr.read(f)
	}
	if b := tr.compile("--no-cache"); b.exit != 0 {
		tr.t.Fatalf("%s: %s", what, b.text)
	}
	for _, f := range files {
		if tr.read(f) != got[f] {
			tr.t.Errorf("%s: %s is not what a build without a cache makes", what, f)
		}
	}
}

func readAll(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// forget removes all that the tree's builds have left: outputs, state and the user's caches. They
// go aside: ext4 passes over the inodes of files that were removed recently (recently_deleted, which
// stood out in a profile of the benchmark), so that making files after removing many takes longer.
func (tr *tree) forget() {
	tr.t.Helper()
	aside := tr.t.TempDir()
	for i, dir := range []string{
		filepath.Join(tr.root, "build"), filepath.Join(tr.root, ".replibuild"), filepath.Join(tr.home, ".replibuild/cache"),
	} {
		if err := os.Rename(dir, filepath.Join(aside, strconv.Itoa(i))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			tr.t.Fatal(err)
		}
	}
}

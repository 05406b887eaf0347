package caller

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/ipc"
)

// The tests need no TestMain: a child becomes its command by itself. One that did not
// would run all tests again, and print other text than is asked for here.

// started runs a command by way of Start and returns what it printed.
func started(t testing.TB, want *ipc.Caller, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := Start(cmd, want); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

func shell(script string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	return cmd
}

// changed returns our own settings with one changed.
func changed(t testing.TB, change func(*ipc.Caller)) *ipc.Caller {
	t.Helper()
	own := Own()
	if own == nil {
		t.Fatal("our own settings are not known")
	}
	want := *own
	want.Limits = slices.Clone(own.Limits)
	change(&want)
	return Difference(own, &want)
}

func limited(resource int, soft, hard uint64) func(*ipc.Caller) {
	return func(c *ipc.Caller) {
		for i := range c.Limits {
			if l := &c.Limits[i]; l.Resource == resource {
				l.Soft, l.Hard = min(soft, l.Hard), min(hard, l.Hard)
			}
		}
	}
}

func TestStartChangesSettings(t *testing.T) {
	t.Parallel()
	// The last eight digits are the first 32 signals; the race detector's C library keeps
	// the one with the highest bit for itself.
	const ignored = `mask=$(sed -n 's/^SigIgn:\t........//p' /proc/self/status); printf '%x' $((0x$mask & 0x7fffffff))`
	limit := func(name string) string { return "sed -n 's/^" + name + " *//p' /proc/self/limits" }
	for _, tt := range []struct {
		name   string
		change func(*ipc.Caller)
		script string
		want   string
	}{
		{"umask", func(c *ipc.Caller) { c.Umask = 0o137 }, "umask", "0137"},
		{"ignored", func(c *ipc.Caller) { c.Ignored = []int{1, 3, 10} }, ignored, "205"},
		{"none ignored", func(c *ipc.Caller) { c.Ignored = nil; c.Umask ^= 0o20 }, ignored, "0"},
		{"nice", func(c *ipc.Caller) { c.Nice = 19 }, "nice", "19"},
		{"core", limited(unix.RLIMIT_CORE, 0, 0), limit("Max core file size"), "0                    0                    bytes"},
		{"files", limited(unix.RLIMIT_NOFILE, 64, 100), limit("Max open files"), "64                   100                  files"},
		{"small stack", limited(unix.RLIMIT_STACK, 1<<20, unix.RLIM_INFINITY), "ulimit -S -s", "1024"},
		{"stack", limited(unix.RLIMIT_STACK, unix.RLIM_INFINITY, unix.RLIM_INFINITY), "ulimit -S -s", "unlimited"},
		{"memory", limited(unix.RLIMIT_AS, 1<<30, 1<<30), "ulimit -v", "1048576"},
		{"file size", limited(unix.RLIMIT_FSIZE, 1<<20, 1<<20), limit("Max file size"), "1048576              1048576              bytes"},
		{"one processor", func(c *ipc.Caller) { c.CPUs = firstOf(c.CPUs) }, `sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status`, firstOf(Own().CPUs)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.TrimSpace(started(t, changed(t, tt.change), shell(tt.script))); got != tt.want {
				t.Errorf("%q, not %q", got, tt.want)
			}
		})
	}
}

// firstOf returns the first processor of a list.
func firstOf(cpus string) string {
	return cpus[:strings.IndexAny(cpus+"-", ",-")]
}

// The command is what it would be without us: same process, arguments of any bytes,
// environment, descriptors, folder.
func TestStartKeepsTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := os.CreateTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	command := func() *exec.Cmd {
		cmd := shell(`pwd -P; printf '%s|' "$@"; env | sort | tr '\n' '|'; cd /proc/$$/fd; echo *; echo here >&5; echo $$`, "a b", "\xff\n", "")
		cmd.Dir, cmd.Env = dir, append(cmd.Env, "X=\xfe", variable+"=3")
		cmd.ExtraFiles = []*os.File{nil, nil, file}
		return cmd
	}
	own, direct, cmd := Own(), command(), command()
	want := strings.TrimSuffix(started(t, nil, direct), fmt.Sprintf("%d\n", direct.Process.Pid))
	got := started(t, changed(t, func(c *ipc.Caller) { c.Umask ^= 0o20 }), cmd)
	if want += fmt.Sprintf("%d\n", cmd.Process.Pid); got != want {
		t.Errorf("%q\nnot %q", got, want)
	}
	if b, _ := os.ReadFile(file.Name()); string(b) != "here\nhere\n" {
		t.Errorf("the file that was handed down has %q", b)
	}
	if d := Difference(own, Own()); d != nil {
		t.Errorf("our own settings have changed: %+v", d)
	}
}

func TestStartReportsWhatCannotRun(t *testing.T) {
	t.Parallel()
	want := changed(t, func(c *ipc.Caller) { c.Umask ^= 0o20 })
	missing := exec.Command("/nowhere/cc")
	if err := Start(missing, want); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
	broken := t.TempDir() + "/program"
	if err := os.WriteFile(broken, []byte("\x7fELF but no more"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(broken)
	cmd.Env, cmd.Stderr = []string{}, &out
	if err := Start(cmd, want); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != cannotExecute || !strings.Contains(out.String(), syscall.ENOEXEC.Error()) {
		t.Errorf("%v: %s", cmd.ProcessState, out.String())
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	own := Own()
	if Difference(own, own) != nil || Difference(nil, own) != nil || Difference(own, nil) != nil {
		t.Error("equal or unknown settings differ")
	}
	d := changed(t, limited(unix.RLIMIT_CORE, 0, 0))
	if d != nil && (len(d.Limits) != 1 || d.Limits[0].Resource != unix.RLIMIT_CORE) {
		t.Errorf("%+v", d)
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	own := &ipc.Caller{Nice: 5, Limits: []ipc.Limit{{Resource: 3, Soft: 8, Hard: 100}}}
	with := func(change func(*ipc.Caller)) *ipc.Caller {
		c := *own
		c.Limits = slices.Clone(own.Limits)
		change(&c)
		return &c
	}
	for _, tt := range []struct {
		name   string
		caller *ipc.Caller
		want   bool
	}{
		{"unknown", nil, true},
		{"equal", own, true},
		{"umask", with(func(c *ipc.Caller) { c.Umask = 0o77 }), true},
		{"lower priority", with(func(c *ipc.Caller) { c.Nice = 9 }), true},
		{"higher priority", with(func(c *ipc.Caller) { c.Nice = 0 }), false},
		{"lower limit", with(func(c *ipc.Caller) { c.Limits[0].Hard = 50 }), true},
		{"higher limit", with(func(c *ipc.Caller) { c.Limits[0].Hard = 200 }), false},
		{"real time", with(func(c *ipc.Caller) { c.IOPriority = 1 << 13 }), false},
	} {
		if got := Serves(ipc.Endpoint{Caller: own}, tt.caller); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if !Serves(ipc.Endpoint{Caller: own, Raises: true}, tt.caller) {
			t.Errorf("%s: a daemon that may raise limits does not serve", tt.name)
		}
	}
}

func TestProcessors(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]int{"0": {0}, "0-2,5": {0, 1, 2, 5}} {
		set, ok := processors(list)
		for cpu := range 8 {
			if set.IsSet(cpu) != slices.Contains(want, cpu) || !ok {
				t.Errorf("%s: processor %d is wrong", list, cpu)
			}
		}
	}
	for _, list := range []string{"", "x", "1-", "-"} {
		if _, ok := processors(list); ok {
			t.Errorf("%q is a list", list)
		}
	}
}

// BenchmarkStart measures a command with our settings, and one with another umask.
func BenchmarkStart(b *testing.B) {
	other := changed(b, func(c *ipc.Caller) { c.Umask ^= 0o20 })
	for name, want := range map[string]*ipc.Caller{"own": nil, "other umask": other} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command("/bin/true")
				cmd.Env = []string{}
				started(b, want, cmd)
			}
		})
	}
}

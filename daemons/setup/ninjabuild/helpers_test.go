package ninjabuild

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// outcome is what a run of ninja said.
type outcome struct {
	stdout, stderr string
	code           int
}

// testEnv is the environment of all runs: nothing of the caller's that changes what is
// printed.
func testEnv(extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"NINJA_STATUS", "MAKEFLAGS", "TERM", "NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR"}, name)
	})
	return append(env, extra...)
}

// ours runs our ninja in a folder. Its runner doubts nothing, and says so as late as it can:
// all files are looked at ahead, which must change nothing.
func ours(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return oursIn(context.Background(), Caller{Dir: dir, Args: args, Env: testEnv(), Runner: doubter{}})
}

// doubter is a shell that doubts an output; Doubts are never ready before they are asked for.
type doubter struct {
	Shell
	output string
}

func (d doubter) Doubts(context.Context, string, []string) Doubts {
	return Doubts{Answer: func(made func(output string) bool) func(output string) ipc.Reason {
		if !made(d.output) {
			return nil
		}
		return func(output string) (r ipc.Reason) {
			if output == d.output {
				r.Text = "something else changed"
			}
			return r
		}
	}}
}

// TestDoubts: an output that is up to date by ninja's rule is made again if the runner doubts
// it, and what is made from it; an output that the manifest does not make is not.
func TestDoubts(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "rule cat\n  command = cat $in >$out\nbuild a: cat source\nbuild b: cat a\nbuild c: cat source\n", "source", "text")
	build := func(doubted string) string {
		return oursIn(context.Background(), Caller{Dir: dir, Args: []string{"-v"}, Env: testEnv(), Runner: doubter{output: doubted}}).stdout
	}
	build("")
	for doubted, want := range map[string]string{
		"":     "ninja: no work to do.\n",
		"gone": "ninja: no work to do.\n",
		"a":    "[1/2] cat source >a\n[2/2] cat a >b\n",
	} {
		if got := build(doubted); got != want {
			t.Errorf("with doubts of %q: %q, want %q", doubted, got, want)
		}
	}
}

func oursIn(ctx context.Context, c Caller) outcome {
	var stdout, stderr bytes.Buffer
	c.Name, c.Stdout, c.Stderr = "ninja", &stdout, &stderr
	code := Main(ctx, c)
	return outcome{stdout.String(), stderr.String(), code}
}

// realNinja is the program that we are compared with; a test without it is skipped.
func realNinja(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("ninja")
	if err != nil {
		t.Skip("ninja is not installed")
	}
	return path
}

// theirs runs the real ninja in a folder.
func theirs(t testing.TB, dir string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(realNinja(t), args...)
	cmd.Dir, cmd.Env = dir, testEnv()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// folder makes a folder with files: names and contents in turn.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		write(t, dir, files[i], files[i+1])
	}
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(data)
}

// tick returns when files that are written now get a later time than those before.
func tick(t testing.TB, dir string) {
	t.Helper()
	now := func() int64 {
		write(t, dir, ".tick", "")
		mtime, err := mtimeOf(filepath.Join(dir, ".tick"))
		if err != nil {
			t.Fatal(err)
		}
		return mtime
	}
	for start := now(); now() <= start; {
	}
	os.Remove(filepath.Join(dir, ".tick"))
}

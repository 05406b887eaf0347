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

// ours runs our ninja in a folder.
func ours(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return oursIn(context.Background(), Caller{Dir: dir, Args: args, Env: testEnv(), Runner: Shell{}})
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

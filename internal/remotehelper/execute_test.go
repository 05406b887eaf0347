package remotehelper_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/remotecache"
)

// farm is a farm of a test with the user's client.
func farm(t *testing.T, o remotefake.Options) (*remotefake.Server, remotecache.Farm, *user) {
	t.Helper()
	s := remotefake.Start(t, o)
	f := remotecache.Farm{Config: remotecache.Config{URL: s.GRPC, Execute: true, Timeout: time.Minute}, Platform: o.Platform}
	return s, f, connect(t, f.Config)
}

// shell is a job that runs a line of a shell over files with their names for content.
func shell(t *testing.T, line string, files ...string) remotecache.Job {
	t.Helper()
	job := remotecache.Job{
		Args: []string{"/bin/sh", "-c", line}, Env: map[string]string{"PATH": "/usr/bin:/bin", "A": "b c"},
		Outputs: []string{"out", "more/out"}, Limit: time.Minute,
	}
	dir := t.TempDir()
	for _, name := range files {
		path := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		job.Inputs = append(job.Inputs, remotecache.Input{Name: name, Digest: sha256.Sum256([]byte(name)), Size: int64(len(name)), Executable: strings.HasSuffix(name, ".sh"), Path: path})
	}
	return job
}

// A command gets its inputs, its variables and nothing else; a strict server takes what is asked
// of it, and knows the result the second time.
func TestExecute(t *testing.T) {
	t.Parallel()
	s, f, u := farm(t, remotefake.Options{Execution: true, Platform: map[string]string{"OSFamily": "Linux", "Arch": "x"}})
	job := shell(t, "test -x z/run.sh && test ! -x b && find . -type f ! -name out | sort >out; env | grep ^A >more/out; echo seen >&2", "z/run.sh", "b", "a/b/c", "a/b.h", "a/z", "a-z")
	for _, cached := range []bool{false, true} {
		r, err := u.Execute(t.Context(), f, job, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit != 0 || r.Printed != "seen\n" || r.Cached != cached || r.Worker != "fake" || r.Took <= 0 {
			t.Errorf("%+v", r)
		}
		for name, want := range map[string]string{"out": "./a-z\n./a/b.h\n./a/b/c\n./a/z\n./b\n./z/run.sh\n", "more/out": "A=b c\n"} {
			if got, _ := os.ReadFile(r.Outputs[name]); string(got) != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		u.Used(r)
	}
	r, err := u.Execute(t.Context(), f, shell(t, "echo wrong >&2; exit 3"), t.TempDir())
	if err != nil || r.Exit != 3 || r.Printed != "wrong\n" {
		t.Errorf("%+v, %v", r, err)
	}
	if h := u.Health(); h.Executed != 2 || h.Refused != 0 || h.Running != 0 || !h.MayExecute || s.Calls("Execute") != 3 {
		t.Errorf("%+v, %d calls", h, s.Calls("Execute"))
	}
}

// A job without a result says why, and so does a notice.
func TestFaultsOfExecuting(t *testing.T) {
	t.Parallel()
	never := func(ctx context.Context, call string) error {
		if call == "Execute" {
			<-ctx.Done()
		}
		return nil
	}
	for _, c := range []struct {
		name, notice string
		options      remotefake.Options
		change       func(job *remotecache.Job)
	}{
		{"no execution", "it executes no commands: its capabilities have no execution with SHA-256", remotefake.Options{}, nil},
		{"no output", "a worker reported success and did not make more/out", remotefake.Options{Execution: true}, func(job *remotecache.Job) { job.Args[2] = "echo >out" }},
		{"too slow", "it does not answer in time", remotefake.Options{Execution: true, Before: never}, func(job *remotecache.Job) { job.Limit = 100 * time.Millisecond }},
		{"an input that changed", "", remotefake.Options{Execution: true}, func(job *remotecache.Job) { job.Inputs[0].Digest[0]++ }},
		{"a path that leads out", "", remotefake.Options{Execution: true}, func(job *remotecache.Job) { job.Inputs[0].Name = "../x" }},
		{"a file in a file", "", remotefake.Options{Execution: true}, func(job *remotecache.Job) { job.Inputs[0].Name = "b/c" }},
		{"damaged", "it returns damaged content", remotefake.Options{Execution: true, Executed: func(r *re.ActionResult) { r.OutputFiles[0].Digest.Hash = "x" }}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, f, u := farm(t, c.options)
			job := shell(t, "echo >out; echo >more/out", "a", "b")
			if c.change != nil {
				c.change(&job)
			}
			r, err := u.Execute(t.Context(), f, job, t.TempDir())
			if err == nil {
				t.Fatalf("%+v", r)
			}
			told := strings.Join(u.told(), "\n")
			if c.notice != "" && (!strings.Contains(told, c.notice) || !strings.HasPrefix(told, "the build farm "+f.URL) || len(u.told()) != 1) {
				t.Errorf("notices %q, want %q", told, c.notice)
			}
		})
	}
}

// A server that has lost a blob which it had gets it again, in the same job.
func TestExecuteAfterALoss(t *testing.T) {
	t.Parallel()
	s, f, u := farm(t, remotefake.Options{Execution: true})
	job := shell(t, "cat a >out; cat a >more/out", "a")
	if _, err := u.Execute(t.Context(), f, job, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.Lose(sha256.Sum256([]byte("a")))
	job.Args[2] += " " // another action with the same input, which is believed to be there
	if _, err := u.Execute(t.Context(), f, job, t.TempDir()); err != nil || s.Calls("Execute") != 3 {
		t.Errorf("%v, %d calls", err, s.Calls("Execute"))
	}
}

// An execution whose client went away ends on the server.
func TestExecuteCancelled(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the build was cancelled")
	_, f, u := farm(t, remotefake.Options{Execution: true, Before: func(call context.Context, name string) error {
		if name == "Execute" {
			cancel(gone)
			<-call.Done()
			close(ended)
		}
		return nil
	}})
	if _, err := u.Execute(ctx, f, shell(t, "true"), t.TempDir()); !errors.Is(err, gone) {
		t.Error(err)
	}
	<-ended
	if told := u.told(); len(told) > 0 {
		t.Errorf("notices %q", told)
	}
}

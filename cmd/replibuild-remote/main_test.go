//go:build unix

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/cmd/internal/cli"
	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/remotecache"
)

// asProgram makes this test binary be the program.
const asProgram = "REPLIBUILD_TEST_REMOTE"

// TestMain makes the test binary the program, and by the name replibuild the one that starts
// it: tests put both names beside each other, as an installation does.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case os.Getenv(asProgram) != "" || name == "replibuild-remote":
		main()
		return
	case name == "replibuild" || name == "ninja": // CMake calls it by the second name
		os.Exit(cli.Main(cli.Caller{
			Name: os.Args[0], Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
		}))
	}
	os.Exit(m.Run())
}

// executable is the program as a file.
func executable(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "replibuild-remote")
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s'\n", asProgram, own)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// gone reports whether a process has ended and has been waited for.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

// The real program: it is asked, killed, asked again, and ends with the client.
func TestProgram(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	c := remotecache.New(remotecache.Config{URL: s.GRPC, Upload: true, Timeout: testkit.Patience}, remotecache.Options{Executable: executable(t)})
	data := []byte("int f() { return 1; }")
	file := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Store(remotecache.Key{1}, remotecache.Value{Files: []remotecache.File{{Name: "a.o", Digest: sha256.Sum256(data), Size: int64(len(data))}}}, func(remotecache.File) string { return file })
	if err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := c.Health().PID
	if first == 0 || gone(first) {
		t.Fatalf("the program is not there: %+v", c.Health())
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the end of the program", func() bool { return gone(first) && c.Health().PID == 0 })
	found := c.Lookup(t.Context(), []remotecache.Key{{1}}, "a.o")[0]
	if found == nil || string(found.Files[0].Contents) != string(data) {
		t.Errorf("after the program was killed: %+v, %+v", found, c.Health())
	}
	second := c.Health().PID
	c.Close()
	if second == first || second == 0 || !gone(second) {
		t.Errorf("after Close the program runs: %d, before it was %d", second, first)
	}
}

// The program ends when its input ends, as when the build's process is killed.
func TestProgramEndsWithItsInput(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(executable(t)).CombinedOutput() // the input is empty
	if err != nil || len(out) > 0 {
		t.Errorf("%q, %v", out, err)
	}
	cmd := exec.Command(executable(t))
	cmd.Stdin = strings.NewReader("this is no frame, it is a text")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "too large") {
		t.Errorf("%q, %v", out, err)
	}
}

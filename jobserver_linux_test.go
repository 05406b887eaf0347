package replibuild

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/jobserver"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"golang.org/x/sys/unix"
)

// left reads what is in the pipe.
func left(t *testing.T, path string) string {
	t.Helper()
	pipe, err := jobserver.Open("fifo:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	return string(pipe.Take(100))
}

func TestTokensOfFifo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		free        string
		limit, jobs int
		left        string
	}{
		{"abc", 8, 4, ""},
		{"abc", 3, 3, "c"},
		{"", 8, 1, ""},
		{"abc", 1, 1, "abc"},
	} {
		path, held := testkit.Jobserver(t, tt.free)
		env := []string{"MAKEFLAGS= -j4 --jobserver-auth=fifo:" + path}
		tokens, jobs, notice := takeTokens(env, tt.limit)
		rest := left(t, path)
		if jobs != tt.jobs || notice != nil || rest != tt.left {
			t.Errorf("%q, limit %d: %d jobs, left %q, %+v", tt.free, tt.limit, jobs, rest, notice)
		}
		held.WriteString(rest)
		for range 2 { // the second time is nothing
			if err := tokens.giveBack(); err != nil {
				t.Error(err)
			}
		}
		if all := left(t, path); len(all) != len(tt.free) || strings.Trim(tt.free, all) != "" {
			t.Errorf("%q came back as %q", tt.free, all)
		}
	}
}

// It is not parallel: a process that another test forks holds make's end of the pipe until
// it executes its program.
func TestTokensOfNoMake(t *testing.T) {
	if _, jobs, notice := takeTokens([]string{"MAKEFLAGS=-k"}, 8); jobs != 0 || notice != nil {
		t.Errorf("without a jobserver: %d jobs, %+v", jobs, notice)
	}
	path, held := testkit.Jobserver(t, "ab")
	tokens, _, _ := takeTokens([]string{"MAKEFLAGS=--jobserver-auth=fifo:" + path}, 8)
	held.Close() // make has died
	if err := tokens.giveBack(); err == nil {
		t.Error("given back, though no jobserver is there")
	}
	for _, auth := range []string{"-2,-2", "1000,1001", "fifo:" + path + ".gone", "nonsense", "3"} {
		if _, jobs, notice := takeTokens([]string{"MAKEFLAGS=--jobserver-auth=" + auth}, 8); jobs != 1 || notice == nil {
			t.Errorf("%s: %d jobs, %+v", auth, jobs, notice)
		}
	}
}

// TestTokensOfPipe uses the form of make before 4.4.
func TestTokensOfPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("++"); err != nil {
		t.Fatal(err)
	}
	// In a child, where descriptors have the numbers that are told.
	cmd := exec.Command(os.Args[0], "-test.run=^TestTokensInChild$", "-test.v")
	cmd.ExtraFiles = []*os.File{r, w}
	cmd.Env = append(os.Environ(), "MAKEFLAGS=-j3 --jobserver-auth=3,4", "REPLIBUILD_TEST_TOKENS=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	buf := make([]byte, 10)
	if n, err := r.Read(buf); n != 2 || err != nil {
		t.Errorf("%d tokens came back, %v", n, err)
	}
}

// TestTokensInChild runs within TestTokensOfPipe.
func TestTokensInChild(t *testing.T) {
	if os.Getenv("REPLIBUILD_TEST_TOKENS") == "" {
		t.Skip("no child")
	}
	tokens, jobs, notice := takeTokens(os.Environ(), 8)
	if jobs != 3 || notice != nil {
		t.Errorf("%d jobs, %+v", jobs, notice)
	}
	flags, err := unix.FcntlInt(3, unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("make's own descriptor was made not to block: %v", err)
	}
	if err := tokens.giveBack(); err != nil {
		t.Error(err)
	}
}

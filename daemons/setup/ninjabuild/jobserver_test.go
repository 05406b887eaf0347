//go:build unix

package ninjabuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"golang.org/x/sys/unix"
)

func TestJobserverOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ flags, auth, err string }{
		{"", "", ""}, {"kn -j8 --jobserver-auth=3,4", "", ""}, {" -j8 --jobserver-auth=3,4", "3,4", ""},
		{"w -j8 --jobserver-auth=fifo:/tmp/f --sync-method=fnctl", "fifo:/tmp/f", ""}, {"--jobserver-fds=5,6 -j", "5,6", ""},
		{"-j --jobserver-auth=3,4 --jobserver-auth=5,6", "5,6", ""}, {"-j8 -- A=--jobserver-auth=3,4", "", ""},
		{"-j8 --jobserver-auth=-2,-2", "", ""}, {"-j8 --jobserver-auth=name", "", "Semaphore mode is not supported on Posix!"},
	} {
		auth, err := jobserverOf(tt.flags)
		if auth != tt.auth || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q: %q, %v", tt.flags, auth, err)
		}
	}
}

const sixCommands = "rule r\n  command = c\nbuild o1: r\nbuild o2: r\nbuild o3: r\nbuild o4: r\nbuild o5: r\nbuild o6: r\n"

// As many commands run as there are tokens, and one more; all tokens come back.
func TestJobserver(t *testing.T) {
	t.Parallel()
	path, held := testkit.Jobserver(t, "abc")
	flags := "MAKEFLAGS= -j4 --jobserver-auth=fifo:" + path
	for _, tt := range []struct {
		args []string
		most int
		said string
	}{
		{nil, 4, "ninja: Jobserver mode detected:  -j4 --jobserver-auth=fifo:" + path + "\n"},
		{[]string{"-j2"}, 2, ""}, // who says it himself wants it so
	} {
		dir := folder(t, "build.ninja", sixCommands)
		n, got := peak(t, Caller{Dir: dir, Args: tt.args, Env: testEnv(flags), Runner: newGate(tt.most)})
		if got.code != 0 || n != tt.most || !strings.HasPrefix(got.stdout, tt.said) || got.stderr != "" {
			t.Errorf("%q: %d at once, %+v", tt.args, n, got)
		}
	}
	buf := make([]byte, 10)
	if n, err := held.Read(buf); n != 3 || err != nil {
		t.Errorf("%q came back, %v", buf[:n], err)
	}
}

// A token that comes while a command runs is used.
func TestJobserverWaits(t *testing.T) {
	t.Parallel()
	path, held := testkit.Jobserver(t, "")
	give := &giver{Runner: newGate(2), held: held}
	n, got := peak(t, Caller{Dir: folder(t, "build.ninja", sixCommands), Env: testEnv("MAKEFLAGS= -j9 --jobserver-auth=fifo:" + path), Runner: give})
	if got.code != 0 || n != 2 {
		t.Errorf("%d at once, %+v", n, got)
	}
}

// giver gives a token when the first command runs.
type giver struct {
	Runner
	held *os.File
}

func (g *giver) Run(ctx context.Context, c Command) Result {
	if c.Outputs[0] == "o1" {
		g.held.WriteString("x")
	}
	return g.Runner.Run(ctx, c)
}

func TestNoJobserver(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "build all: phony\n")
	for flags, want := range map[string]string{
		"-k":                            "",
		"-j --jobserver-auth=1000,1001": "ninja: warning: Ignoring jobserver: ",
		"-j --jobserver-auth=fifo:" + filepath.Join(dir, "gone"):        "ninja: warning: Ignoring jobserver: Error opening ",
		"-j --jobserver-auth=fifo:" + filepath.Join(dir, "build.ninja"): "ninja: warning: Ignoring jobserver: Not a fifo path: ",
	} {
		got := oursIn(context.Background(), Caller{Dir: dir, Env: testEnv("MAKEFLAGS=" + flags), Runner: Shell{}})
		if got.code != 0 || got.stdout != noWork || !strings.HasPrefix(got.stderr, want) || want == "" && got.stderr != "" {
			t.Errorf("%q: %+v", flags, got)
		}
	}
}

// The form of make before 4.4: a pipe whose descriptors commands inherit.
func TestJobserverPipe(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a pipe cannot be opened anew here")
	}
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
	cmd := exec.Command(os.Args[0], "-test.run=^TestJobserverPipeChild$", "-test.v")
	cmd.ExtraFiles = []*os.File{r, w}
	cmd.Env = append(testEnv("MAKEFLAGS=-j3 --jobserver-auth=3,4"), "REPLIBUILD_TEST_CHILD=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	buf := make([]byte, 10)
	if n, err := r.Read(buf); n != 2 || err != nil {
		t.Errorf("%d tokens came back, %v", n, err)
	}
}

// TestJobserverPipeChild runs within TestJobserverPipe.
func TestJobserverPipeChild(t *testing.T) {
	if os.Getenv("REPLIBUILD_TEST_CHILD") == "" {
		t.Skip("no child")
	}
	n, got := peak(t, Caller{Dir: folder(t, "build.ninja", sixCommands), Env: os.Environ(), Runner: newGate(3)})
	if got.code != 0 || n != 3 {
		t.Errorf("%d at once, %+v", n, got)
	}
	flags, err := unix.FcntlInt(3, unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("make's own descriptor was made not to block: %v", err)
	}
}

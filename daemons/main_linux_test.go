package daemons

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// The test binary plays three parts besides the test itself, chosen by its first
// argument.
const (
	asDaemon = "test-daemon" // NAME ROOT: a daemon around a service that does little
	asStart  = "test-start"  // ROOT HOME BASEPORT: `replibuild start`
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asDaemon:
			os.Exit(exitCode(runTestDaemon(os.Args[2], os.Args[3])))
		case asStart:
			os.Exit(exitCode(runTestStart(os.Args[2], os.Args[3], os.Args[4])))
		}
	}
	code := m.Run()
	if left := leftBehind(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "processes were left behind:", strings.Join(left, "; "))
		code = 1
	}
	os.Exit(code)
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// runTestDaemon is a daemon. Files in the project's root arm its faults.
func runTestDaemon(name, root string) error {
	p := NewPaths(os.Getenv("REPLIBUILD_HOME"), root)
	c, err := config.Load(p.ConfigFile())
	if err != nil {
		return err
	}
	return Run(context.Background(), RunConfig{
		Name: name, Paths: p, Config: c,
		NewService: func(_ context.Context, _ *ipc.Hub, log *slog.Logger) (Service, error) {
			if _, err := os.Stat(filepath.Join(root, "panic-"+name)); err == nil {
				panic("armed by the test")
			}
			if _, err := os.Stat(filepath.Join(root, "fail-"+name)); err == nil {
				return Service{}, ipc.Errorf(ipc.CodeConfig, "the service does not want to").WithHint("do this")
			}
			log.Info("hello from " + name)
			return Service{Handlers: ipc.SetupHandlers(testSetup{root: root}), Stats: selfPortrait}, nil
		},
	})
}

// portrait is what a daemon inherited, as "stats" tells it.
type portrait struct {
	Cwd     string            `json:"cwd"`
	Session int               `json:"session"`
	PID     int               `json:"pid"`
	Env     []string          `json:"env"`
	Files   map[string]string `json:"files"` // descriptor: what it leads to
}

func selfPortrait(context.Context) (any, error) {
	p := portrait{PID: os.Getpid(), Env: os.Environ(), Files: map[string]string{}}
	p.Cwd, _ = os.Getwd()
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	p.Session, _ = strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[3])
	for _, fd := range openDescriptors() {
		p.Files[strconv.Itoa(fd)], _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	return p, nil
}

// testSetup answers "validate" when the file "go" appears in the root.
type testSetup struct {
	ipc.Setup
	root string
}

func (s testSetup) Validate(ctx context.Context, _ ipc.ValidateRequest) (ipc.ValidateReply, error) {
	if err := os.WriteFile(filepath.Join(s.root, "begun"), nil, 0o600); err != nil {
		return ipc.ValidateReply{}, err
	}
	for {
		if _, err := os.Stat(filepath.Join(s.root, "go")); err == nil {
			return ipc.ValidateReply{Files: []string{"done"}}, nil
		}
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return ipc.ValidateReply{}, context.Cause(ctx)
		}
	}
}

// runTestStart starts a set and prints its PIDs.
func runTestStart(root, home, base string) error {
	port, err := strconv.Atoi(base)
	if err != nil {
		return err
	}
	l := testLauncher(NewPaths(home, root), port)
	set, err := l.Start(context.Background())
	for _, d := range set {
		if d.State != ipc.StateRunning {
			err = errors.Join(err, fmt.Errorf("%s is %s: %s", d.Name, d.State, d.LastError))
		}
		fmt.Print(d.PID, " ")
	}
	return err
}

// testEnv keeps processes built with the race detector from sleeping at their end.
func testEnv() []string { return append(os.Environ(), "GORACE=atexit_sleep_ms=0") }

func testLauncher(p Paths, base int) *Launcher {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &Launcher{
		Paths: p, Config: config.Default(), Exe: exe, basePort: base, Env: testEnv(),
		Args: func(name string) []string { return []string{asDaemon, name, p.Root} },
	}
}

// leftBehind lists processes of this binary that are still there after the tests,
// waiting for those that are just leaving.
func leftBehind() []string {
	var left []string
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, pid := range processesOf("") {
			left = append(left, fmt.Sprintf("%d (%s)", pid, commandLine(pid)))
		}
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
	}
}

// processesOf returns the daemons of this binary, those whose command line names
// root if one is given. Zombies do not count.
func processesOf(root string) []int {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		line := commandLine(pid)
		if pid != os.Getpid() && strings.HasPrefix(line, self+" "+asDaemon) && strings.Contains(line, root) && startTicks(pid) != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func commandLine(pid int) string {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
}

package daemons

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// `rm -rf` of all that is ours is a documented remedy.
func TestDeletedFilesComeBack(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	for _, dir := range []string{s.Paths.Home, s.Paths.StateDir()} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Until(t, "all files", func() bool {
		for _, name := range ipc.DaemonNames() {
			_, noLog := os.Stat(s.Paths.LogFile(name))
			if _, err := ReadEndpoint(s.Paths.EndpointFile(name)); err != nil || noLog != nil || !s.Alive(name) {
				return false
			}
		}
		return true
	})
	after := s.waitState(ipc.StateRunning)
	for name, d := range after {
		if d.PID != before[name].PID {
			t.Errorf("%s was replaced", name)
		}
	}
}

func TestDaemonsLeaveAProjectThatIsGone(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	if err := os.RemoveAll(s.Paths.Root); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the daemons to leave", func() bool { return len(processesOf(s.Paths.Root)) == 0 })
}

func TestRunningRequestsMayFinish(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	client := ipc.NewSetupClient(Dialer(s.Paths, ipc.NameSetup))
	defer client.Close()
	answered := make(chan error, 1)
	go func() {
		r, err := client.Validate(s.context(), ipc.ValidateRequest{})
		if err == nil && !slices.Equal(r.Files, []string{"done"}) {
			err = fmt.Errorf("answer %+v", r)
		}
		answered <- err
	}()
	testkit.Until(t, "the request to begin", func() bool {
		_, err := os.Stat(filepath.Join(s.Paths.Root, "begun"))
		return err == nil
	})
	stopped := make(chan error, 1)
	go func() {
		_, err := s.Stop(s.context(), ipc.NameSetup)
		stopped <- err
	}()
	testkit.Until(t, "setup to leave", func() bool { return readHolder(s.Paths.LockFile(ipc.NameSetup)).Stopping })
	write(t, filepath.Join(s.Paths.Root, "go"), "")
	if err := <-answered; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestIdleSetLeavesTogether(t *testing.T) {
	t.Parallel()
	s := newSet(t, "[daemons]\nidle_timeout = 1\n")
	s.mustStart()
	// A dashboard at the orchestrator, and the orchestrator's own stream at discovery.
	ctx, hangUp := context.WithCancel(s.context())
	defer hangUp()
	var streams sync.WaitGroup
	for _, name := range []string{ipc.NameOrchestrator, ipc.NameDiscovery} {
		client := ipc.NewDiscoveryClient(Dialer(s.Paths, name))
		streams.Go(func() {
			defer client.Close()
			client.Subscribe(ctx, ipc.SubscribeRequest{}, func(ipc.Event) {})
		})
	}
	testkit.Until(t, "three times idle_timeout", func() bool {
		now := s.now()
		for _, d := range now {
			if d.State != ipc.StateRunning {
				t.Fatalf("%s is %s while a dashboard looks on", d.Name, d.State)
			}
		}
		return now[ipc.NameSetup].Uptime > 3
	})
	hangUp()
	streams.Wait()
	s.waitState(ipc.StateStopped)
	testkit.Until(t, "all processes to leave", func() bool { return len(processesOf(s.Paths.Root)) == 0 })
}

func TestProtocolsOfOtherVersions(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	rewrite := func(name string, protocol int) {
		path := s.Paths.EndpointFile(name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was := fmt.Sprintf(`"protocol": %d`, ipc.Protocol)
		// In place: the daemon puts back a file that is another one.
		err = os.WriteFile(path, []byte(strings.Replace(string(text), was, fmt.Sprintf(`"protocol": %d`, protocol), 1)), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	rewrite(ipc.NameSetup, ipc.Protocol-1)
	if d := s.now()[ipc.NameSetup]; d.State != ipc.StateRunning || d.LastError != fmt.Sprintf("it speaks protocol %d, this program %d", ipc.Protocol-1, ipc.Protocol) {
		t.Errorf("beside an older daemon: %+v", d)
	}
	if _, err := s.Start(s.context()); err != nil {
		t.Fatal(err)
	}
	if now := s.now(); now[ipc.NameSetup].PID == before[ipc.NameSetup].PID {
		t.Error("a daemon of an older protocol was not replaced")
	}
	rewrite(ipc.NameSetup, ipc.Protocol+1)
	if _, err := s.Start(s.context()); err == nil || !strings.Contains(err.Error(), "newer replibuild") {
		t.Errorf("start beside a newer daemon: %v", err)
	}
}

package daemons

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// maxLaunches bounds the connections of thin clients. Those beyond it are closed, and
	// the clients run their compilers.
	maxLaunches = 1000
	// launchDrain is how long commands that run may be reported after the end.
	launchDrain = 2 * time.Second
)

// launchServer serves thin clients on a socket of its own. The zero value serves none.
type launchServer struct {
	shell    *shell
	listener *net.UnixListener
	path     string
	made     os.FileInfo // of the socket
	running  sync.WaitGroup
	places   chan struct{}
	ours     rights // of this process
}

// listen makes the socket. The daemon's life lock is held, so a socket that is there was left
// behind.
func (s *launchServer) listen(d *shell) error {
	s.shell, s.places = d, make(chan struct{}, maxLaunches)
	if d.service.Launcher == nil {
		return nil
	}
	folder := d.Paths
	folder.Root = cmp.Or(d.service.LaunchFolder, folder.Root)
	s.path = folder.LaunchSocket(d.Name)
	l, err := listenUnix(s.path)
	if err != nil {
		return ipc.Errorf(ipc.CodeUnavailable, "cannot listen at %s: %v", s.path, err)
	}
	s.listener, s.ours = l, ownRights()
	s.made, err = os.Lstat(s.path)
	return err
}

// listenUnix listens at a path in the folder for sockets.
func listenUnix(path string) (*net.UnixListener, error) {
	if err := makeSocketDir(); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	return l, os.Chmod(path, 0o600)
}

// bindSocket is [binder.bind] for a Unix socket.
func bindSocket(path string, names []string) (map[string]bound, error) {
	got := make(map[string]bound, len(names))
	for _, name := range names {
		l, err := listenUnix(path)
		if err != nil {
			closeAll(got)
			return nil, ipc.Errorf(ipc.CodeUnavailable, "cannot listen at %s: %v", path, err)
		}
		got[name] = bound{listeners: []listener{l}}
	}
	return got, nil
}

// serve serves until close, and then until nothing runs any more or the time is over.
func (s *launchServer) serve(ctx context.Context) {
	if s.listener == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.running.Go(func() { sweepSockets(SocketDir()) })
	for {
		nc, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil { // out of descriptors, most likely
			continue
		}
		select {
		case s.places <- struct{}{}:
			s.running.Go(func() {
				s.one(ctx, nc)
				<-s.places
			})
		default:
			nc.Close()
		}
	}
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(launchDrain):
	}
}

func (s *launchServer) one(ctx context.Context, nc *net.UnixConn) {
	defer s.shell.server.Active()()
	pid, why := unfitPeer(nc, s.ours)
	if why != "" {
		s.shell.log.Debug("a thin client is not served", "reason", why)
		nc.Write([]byte{ipc.LaunchRun})
		nc.Close()
		return
	}
	if err := ipc.ServeLaunch(ctx, s.shell.service.Launcher, nc, pid); err != nil {
		s.shell.log.Debug("a thin client went away", "error", err)
	}
}

// close ends the listening. It removes the socket, unless that is another daemon's by now.
func (s *launchServer) close() {
	if s.listener == nil {
		return
	}
	s.listener.Close()
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
		_ = os.Remove(s.path) // one that stays refuses connections
	}
}

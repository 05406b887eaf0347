package daemons

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	portStep   = 10
	portBlocks = 100
)

// binder finds ports for the daemons of one set.
type binder struct {
	config config.Config
	base   int            // first port of the first block
	socket string         // path of a Unix socket in place of ports, "" = ports
	prefer map[string]int // ports that daemons had before
}

// bound is the listeners of one daemon: one on 127.0.0.1, and one on ::1 where the
// machine has it.
type bound struct {
	port      int
	listeners []listener
}

// listener is one that can be handed to another process.
type listener interface {
	net.Listener
	File() (*os.File, error)
}

func (b bound) close() {
	for _, l := range b.listeners {
		l.Close()
	}
}

// bind binds the ports of the named daemons. A daemon gets the port that the
// configuration demands, which is an error if it is taken; else the one that it had
// before, if that is free; the rest get their places in the first block of ten in
// which all of these are free.
func (b binder) bind(ctx context.Context, names []string) (map[string]bound, error) {
	if b.socket != "" {
		return bindSocket(b.socket, names)
	}
	got := make(map[string]bound, len(names))
	var rest []string
	for _, name := range names {
		port, explicit := b.config.Port(name), true
		if port == 0 {
			port, explicit = b.prefer[name], false
		}
		at, err := listenBoth(ctx, port)
		switch {
		case port == 0 || err != nil && !explicit:
			rest = append(rest, name)
		case err != nil:
			closeAll(got)
			return nil, portError(name, port, err)
		default:
			got[name] = at
		}
	}
	if err := b.bindBlock(ctx, rest, got); err != nil {
		closeAll(got)
		return nil, err
	}
	return got, nil
}

// bindBlock adds the named daemons' listeners to got.
func (b binder) bindBlock(ctx context.Context, names []string, got map[string]bound) error {
	if len(names) == 0 {
		return nil
	}
	var last error
	for block := range portBlocks {
		tried := make(map[string]bound, len(names))
		var err error
		for _, name := range names {
			var at bound
			if at, err = listenBoth(ctx, b.base+block*portStep+placeOf(name)); err != nil {
				break
			}
			tried[name] = at
		}
		if err == nil {
			for name, at := range tried {
				got[name] = at
			}
			return nil
		}
		closeAll(tried)
		if last = err; !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return ipc.Errorf(ipc.CodePortInUse, "no ports for the daemons from %d on: %v", b.base, last).
		WithHint("stop other sets with `replibuild stop`, or set `port` under [daemons.NAME] in .replibuild/daemon_config.toml")
}

// placeOf is a daemon's place in a block of ports.
func placeOf(name string) int {
	for i, n := range ipc.DaemonNames() {
		if n == name {
			return i
		}
	}
	return 0
}

func portError(name string, port int, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return ipc.Errorf(ipc.CodePortInUse, "cannot listen on port %d of the %s daemon: %v", port, name, err).
			WithHint("choose another `port` under [daemons.%s] in .replibuild/daemon_config.toml, or remove the line", name)
	}
	by := PortOwner(port)
	if by == "" {
		by = "another program"
	}
	return ipc.Errorf(ipc.CodePortInUse, "port %d of the %s daemon is taken by %s", port, name, by).
		WithHint("end it, choose another `port` under [daemons.%s] in .replibuild/daemon_config.toml, or remove the line", name)
}

// listenBoth listens on both loopback addresses. A taken ::1 counts as taken: a
// program that dials "localhost" would reach the stranger there. A machine without
// ::1 is fine.
func listenBoth(ctx context.Context, port int) (bound, error) {
	if port == 0 {
		return bound{}, nil
	}
	var lc net.ListenConfig
	number := strconv.Itoa(port)
	v4, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", number))
	if err != nil {
		return bound{}, err
	}
	b := bound{port: port, listeners: []listener{v4.(*net.TCPListener)}}
	v6, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", number))
	switch {
	case err == nil:
		b.listeners = append(b.listeners, v6.(*net.TCPListener))
	case errors.Is(err, syscall.EADDRINUSE):
		b.close()
		return bound{}, err
	}
	return b, nil
}

// files duplicates the listeners for a child process; close them after its start.
func (b bound) files() ([]*os.File, error) {
	var files []*os.File
	for _, l := range b.listeners {
		f, err := l.File()
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fmt.Errorf("hand over port %d: %w", b.port, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(all map[string]bound) {
	for _, b := range all {
		b.close()
	}
}

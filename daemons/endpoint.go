package daemons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// endpointSchema is the version of the endpoint file. The fields that stopping a
// daemon needs (pid, start_ticks, boot_id, machine_id, protocol) keep their
// meaning in all versions.
const endpointSchema = 1

// endpointReturns is how long a running daemon may take to write a deleted endpoint
// file again: its [selfHealer] looks every [keepEvery].
const endpointReturns = keepEvery + 500*time.Millisecond

// ReadEndpoint reads an endpoint file. It refuses a file that another user could have
// written or read. If there is none, the error is fs.ErrNotExist.
func ReadEndpoint(path string) (ipc.Endpoint, error) {
	f, err := openPrivate(path, os.O_RDONLY)
	if err != nil {
		return ipc.Endpoint{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return ipc.Endpoint{}, err
	}
	var ep ipc.Endpoint
	if err := json.Unmarshal(data, &ep); err != nil {
		return ipc.Endpoint{}, fmt.Errorf("read endpoint %s: %w", path, err)
	}
	return ep, nil
}

func writeEndpoint(path string, ep ipc.Endpoint) error {
	data, err := json.MarshalIndent(ep, "", "  ")
	if err != nil {
		return err
	}
	if err := replacePrivate(path, append(data, '\n')); err != nil {
		return fmt.Errorf("write endpoint: %w", err)
	}
	return nil
}

// Endpoint returns where a daemon of the set can be reached; the error matches
// [ipc.ErrUnreachable]. While the daemon lives but has no file yet, or none any more,
// it is waited for, 1.5 s at most. [Dialer] does the same with a context.
func (l *Launcher) Endpoint(name string) (ipc.Endpoint, error) {
	ep, err := l.Paths.awaitEndpoint(context.Background(), name)
	if err != nil {
		return ipc.Endpoint{}, unreachable(name, err)
	}
	return ep, nil
}

// Dialer returns a function that connects to a daemon of the set and has it prove
// itself. An endpoint file that was deleted under a running daemon is waited for.
// Every failure is an [ipc.Error] that matches [ipc.ErrUnreachable].
func Dialer(p Paths, name string) ipc.Dialer {
	return func(ctx context.Context) (*ipc.Conn, error) {
		ep, err := p.awaitEndpoint(ctx, name)
		if err != nil {
			return nil, unreachable(name, err)
		}
		if !seesTheSame(ep) {
			return nil, ipc.Errorf(ipc.CodeUnreachable, "%v", errElsewhere()).WithHint("%s", errElsewhere().Hint)
		}
		conn, err := ipc.Dial(ctx, ep)
		if err != nil && !errors.Is(err, ipc.ErrUnreachable) {
			return nil, unreachable(name, err)
		}
		return conn, err
	}
}

func unreachable(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ipc.Errorf(ipc.CodeUnreachable, "the %s daemon does not run", name).
			WithHint("start it with `replibuild start`")
	}
	return ipc.Errorf(ipc.CodeUnreachable, "the %s daemon cannot be reached: %v", name, err).
		WithHint("`replibuild ensure` restarts it, `replibuild logs %s` says what happened", name)
}

// awaitEndpoint reads a daemon's endpoint. While the daemon holds its lock a missing
// file is about to be written: by its start, or by its selfHealer.
func (p Paths) awaitEndpoint(ctx context.Context, name string) (ipc.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, endpointReturns)
	defer cancel()
	for {
		ep, err := ReadEndpoint(p.EndpointFile(name))
		if !errors.Is(err, fs.ErrNotExist) || !isLocked(p.LockFile(name)) || readHolder(p.LockFile(name)).Stopping {
			return ep, err
		}
		if pause.For(ctx, 20*time.Millisecond) != nil {
			return ep, err
		}
	}
}

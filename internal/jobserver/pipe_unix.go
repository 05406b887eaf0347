//go:build unix

package jobserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pipe is make's pipe, opened anew: make's own descriptors must stay blocking, and a flag
// would be seen by every process that has inherited them.
type Pipe struct{ read, write *os.File }

// Open opens the pipe of an [Auth]. It fails with an [fs.PathError] of the path that cannot
// be opened, or is no pipe ([ErrNotPipe]).
func Open(auth string) (*Pipe, error) {
	readPath, writePath, isPair := strings.Cut(auth, ",")
	if path, ok := strings.CutPrefix(auth, "fifo:"); ok {
		readPath, writePath = path, path
	} else if !isPair {
		return nil, fmt.Errorf("%w: %q", ErrNotPipe, auth)
	} else if runtime.GOOS == "linux" {
		readPath, writePath = "/dev/fd/"+readPath, "/dev/fd/"+writePath
	} else { // elsewhere the path gives the same descriptor, blocking
		return nil, errors.New("a pipe of make cannot be shared on this system")
	}
	read, err := openEnd(readPath, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	write, err := openEnd(writePath, unix.O_WRONLY)
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &Pipe{read, write}, nil
}

func openEnd(path string, flag int) (*os.File, error) {
	fd, err := unix.Open(path, flag|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotPipe}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Take reads the tokens that are there now, at most limit.
func (p *Pipe) Take(limit int) []byte {
	conn, err := p.read.SyscallConn()
	if err != nil || limit <= 0 {
		return nil
	}
	tokens := make([]byte, limit)
	conn.Control(func(fd uintptr) {
		n, err := unix.Read(int(fd), tokens)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Read(int(fd), tokens)
		}
		tokens = tokens[:max(0, n)]
	})
	return tokens
}

// GiveBack writes tokens back. The pipe has room for what was in it.
func (p *Pipe) GiveBack(tokens []byte) error {
	if len(tokens) == 0 {
		return nil
	}
	p.write.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := p.write.Write(tokens); err != nil {
		return fmt.Errorf("give job slots back to make: %w", err)
	}
	return nil
}

// Watch closes free when a token can be read, until stop is called.
func (p *Pipe) Watch() (free <-chan struct{}, stop func()) {
	readable := make(chan struct{})
	over := make(chan struct{})
	conn, err := p.read.SyscallConn()
	if err != nil {
		return nil, func() {}
	}
	go func() {
		defer close(over)
		err := conn.Read(func(fd uintptr) bool {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return err == nil && n > 0 && poll[0].Revents&unix.POLLIN != 0
		})
		if err == nil {
			close(readable)
		}
	}()
	return readable, func() {
		p.read.SetReadDeadline(time.Unix(1, 0))
		<-over
		p.read.SetReadDeadline(time.Time{})
	}
}

// CloseRead ends taking. As long as it is open, a make that has died is not noticed.
func (p *Pipe) CloseRead() error { return p.read.Close() }

// Close closes both ends. It may follow CloseRead.
func (p *Pipe) Close() error {
	err := p.read.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, p.write.Close())
}

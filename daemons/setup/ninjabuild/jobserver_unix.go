//go:build unix

package ninjabuild

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tokenPipe is make's pipe, opened anew: make's own descriptors stay blocking, as everybody
// expects who has inherited them.
type tokenPipe struct{ read, write *os.File }

func openTokenPipe(auth string) (*tokenPipe, error) {
	readPath, writePath, isPair := strings.Cut(auth, ",")
	if path, ok := strings.CutPrefix(auth, "fifo:"); ok {
		readPath, writePath = path, path
	} else if isPair && runtime.GOOS == "linux" {
		readPath, writePath = "/dev/fd/"+readPath, "/dev/fd/"+writePath
	} else {
		return nil, errors.New("a pipe of make cannot be shared on this system")
	}
	read, err := openPipe(readPath, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	write, err := openPipe(writePath, unix.O_WRONLY)
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &tokenPipe{read, write}, nil
}

func openPipe(path string, flag int) (*os.File, error) {
	fd, err := unix.Open(path, flag|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.New("Error opening " + path + ": " + reason(err))
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return nil, errors.New("Not a fifo path: " + path)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// take reads a token if there is one.
func (p *tokenPipe) take() (token byte, ok bool) {
	conn, err := p.read.SyscallConn()
	if err != nil {
		return 0, false
	}
	var buf [1]byte
	conn.Control(func(fd uintptr) {
		for {
			n, err := unix.Read(int(fd), buf[:])
			if errors.Is(err, unix.EINTR) {
				continue
			}
			ok = n == 1
			return
		}
	})
	return buf[0], ok
}

// giveBack writes a token. The pipe has room for what was in it.
func (p *tokenPipe) giveBack(token byte) {
	p.write.SetWriteDeadline(time.Now().Add(time.Second))
	p.write.Write([]byte{token})
}

// watch tells when a token can be read, until stop is called.
func (p *tokenPipe) watch() (free <-chan struct{}, stop func()) {
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

func (p *tokenPipe) close() {
	p.read.Close()
	p.write.Close()
}

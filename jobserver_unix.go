//go:build unix

package replibuild

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openJobserver takes up to limit tokens that are free now.
func openJobserver(auth string, limit int) (*tokens, error) {
	read, write := auth, auth
	if path, ok := strings.CutPrefix(auth, "fifo:"); ok {
		read, write = path, path
	} else {
		var err error
		if read, write, err = inherited(auth); err != nil {
			return nil, err
		}
	}
	// A descriptor of our own: make's must stay as it is, blocking, and a flag would
	// be seen by everybody who has inherited it.
	fd, err := unix.Open(read, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", auth, err)
	}
	defer unix.Close(fd)
	t := &tokens{taken: drain(fd, limit)}
	t.free = func(taken []byte) error { return refill(write, taken) }
	return t, nil
}

// inherited turns "R,W" into paths of those descriptors.
func inherited(auth string) (read, write string, err error) {
	if runtime.GOOS != "linux" { // elsewhere the path gives the same descriptor, blocking
		return "", "", errors.New("a pipe of make cannot be shared on this system")
	}
	r, w, ok := strings.Cut(auth, ",")
	paths := make([]string, 0, 2)
	for _, text := range []string{r, w} {
		fd, err := strconv.Atoi(text)
		var st unix.Stat_t
		if !ok || err != nil || fd < 0 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return "", "", fmt.Errorf("the descriptors %s were not handed on to this command", auth)
		}
		paths = append(paths, "/dev/fd/"+text)
	}
	return paths[0], paths[1], nil
}

// drain reads the bytes that are there, and waits for none.
func drain(fd, limit int) []byte {
	if limit <= 0 {
		return nil
	}
	buf := make([]byte, limit)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return buf[:max(0, n)]
	}
}

// refill writes tokens back. The pipe has room for what was in it; without a make that
// reads it there is nobody to wait for.
func refill(path string, taken []byte) error {
	if len(taken) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("give job slots back to make: %w", err)
	}
	_, err = f.Write(taken)
	return errors.Join(err, f.Close())
}

package ipc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// The thin client's frames. It is written in C (daemons/compilation/internal/preload/csrc/client),
// and has the same numbers. All numbers have 32 bits in the order of the machine, a text ends
// with a zero byte.
//
//	client:  "RBC1", length, umask, terminals, count of arguments, of variables;
//	         texts: folder, program, arguments, variables
//	daemon:  'w' any number of times, every [launchBeat], while it works; then
//	         'r', or
//	         'h', length, count of files, length of what is printed; texts: temporary name
//	         and path of each file; what is printed to standard error, or
//	         'd', length, 0, length; what is printed to standard output, or
//	         'm', length, count of starter's arguments, of variables; texts
//	client:  after 'm', when the command has ended: length, status, milliseconds,
//	         milliseconds of CPU, peak in KiB, bytes of standard output, whether the rest is
//	         cut; what was printed to standard error
//	daemon:  'w' any number of times, then 'a'
//	client:  'k': it still waits, so the outputs are those of the command
//
// A client of another version is told 'r'.
const (
	launchMagic = "RBC1"
	// maxLaunch bounds a request: the kernel's own limit of arguments and variables is 2 MiB,
	// or a quarter of the limit of the stack.
	maxLaunch = 16 << 20
	// usualLaunch is the length of most requests: they are read at once.
	usualLaunch = 8 << 10
	// launchBeat is how often the daemon shows that it is alive. The client waits for two
	// seconds.
	launchBeat = 400 * time.Millisecond
	// launchSilence is how long the client may be silent in the middle of a frame.
	launchSilence = 5 * time.Second
)

var errLaunch = errors.New("no frame of the thin client")

// ServeLaunch serves one connection of a thin client, of the process pid, and closes it. It returns
// when all is stored.
func ServeLaunch(ctx context.Context, l Launcher, nc net.Conn, pid int) error {
	defer nc.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nc.SetReadDeadline(time.Now().Add(launchSilence))
	r := bufio.NewReaderSize(nc, usualLaunch)
	req, err := readLaunch(r)
	if err != nil {
		return err
	}
	req.PID = pid
	stopBeat := beat(nc, cancel)
	answer := l.Launch(ctx, req)
	stopBeat()
	if answer.Miss != nil {
		defer answer.Miss.Close()
	}
	_, err = nc.Write(encodeAnswer(answer))
	if answer.Stored != nil {
		answer.Stored()
	}
	if answer.Kind == LaunchHit {
		removeLeft(nc, r, answer.Files)
	}
	if err != nil || answer.Kind != LaunchMiss {
		return err
	}
	nc.SetReadDeadline(time.Time{}) // a compile takes its time, and a client that dies closes
	end, err := readEnd(r)
	if err != nil {
		return err
	}
	stopBeat = beat(nc, cancel)
	store := answer.Miss.Finish(ctx, end)
	stopBeat()
	if _, err := nc.Write([]byte{'a'}); err != nil || store == nil {
		return err
	}
	nc.SetReadDeadline(time.Now().Add(launchSilence))
	var waits [1]byte
	if _, err := io.ReadFull(r, waits[:]); err != nil || waits[0] != 'k' {
		return err // it gave up waiting
	}
	store()
	return nil
}

// removeLeft removes the temporary files that a client did not rename: it was killed. The
// client has the time of a frame for it.
func removeLeft(nc net.Conn, r io.Reader, files []LaunchFile) {
	nc.SetReadDeadline(time.Now().Add(launchSilence))
	_, _ = io.Copy(io.Discard, r) // until the client closes
	for _, f := range files {
		_ = os.Remove(f.Temporary) // mostly gone
	}
}

// beat tells the client that this process works, until it is stopped. It calls gone if the
// client is not there any more.
func beat(nc net.Conn, gone func()) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(launchBeat, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		if _, err := nc.Write([]byte{'w'}); err != nil {
			gone()
		}
		timer.Reset(launchBeat)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// readLaunch reads a request.
func readLaunch(r io.Reader) (req LaunchRequest, err error) {
	head, err := readNumbers(r, 6)
	if err != nil {
		return req, err
	}
	var magic [4]byte
	binary.NativeEndian.PutUint32(magic[:], head[0])
	size, args, vars := head[1], head[4], head[5]
	if string(magic[:]) != launchMagic || size > maxLaunch || uint64(args)+uint64(vars)+2 > uint64(size) {
		return req, errLaunch
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return req, err
	}
	all := strings.Split(string(body), "\x00")
	if len(all) != int(args+vars)+3 || args == 0 { // an empty one behind the last zero
		return req, errLaunch
	}
	return LaunchRequest{
		Umask: head[2], Terminals: head[3], Dir: all[0], Program: all[1],
		Args: all[2 : 2+args], Env: all[2+args : 2+args+vars],
	}, nil
}

// readEnd reads the report of a command.
func readEnd(r io.Reader) (LaunchEnd, error) {
	n, err := readNumbers(r, 7)
	if err != nil {
		return LaunchEnd{}, err
	}
	if n[0] > maxLaunch {
		return LaunchEnd{}, errLaunch
	}
	end := LaunchEnd{
		Status: int(n[1]), Seconds: float64(n[2]) / 1000, CPU: float64(n[3]) / 1000, Peak: int64(n[4]) << 10,
		Stdout: int(n[5]), Cut: n[6] != 0, Stderr: make([]byte, n[0]),
	}
	_, err = io.ReadFull(r, end.Stderr)
	return end, err
}

func readNumbers(r io.Reader, n int) ([]uint32, error) {
	raw := make([]byte, 4*n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("read a frame of the thin client: %w", err)
	}
	out := make([]uint32, n)
	for i := range out {
		out[i] = binary.NativeEndian.Uint32(raw[4*i:])
	}
	return out, nil
}

// encodeAnswer writes an answer.
func encodeAnswer(a LaunchAnswer) []byte {
	if a.Kind == LaunchRun {
		return []byte{LaunchRun}
	}
	var texts bytes.Buffer
	text := func(all ...string) {
		for _, s := range all {
			texts.WriteString(s)
			texts.WriteByte(0)
		}
	}
	var first, second int
	switch a.Kind {
	case LaunchMiss:
		first, second = len(a.Starter), len(a.Env)
		text(a.Starter...)
		text(a.Env...)
	case LaunchHit:
		first, second = len(a.Files), len(a.Stderr)
		for _, f := range a.Files {
			text(f.Temporary, f.Path)
		}
		texts.Write(a.Stderr)
	case LaunchDone:
		second = len(a.Stdout)
		texts.Write(a.Stdout)
	}
	out := []byte{a.Kind}
	for _, n := range []int{texts.Len(), first, second} {
		out = binary.NativeEndian.AppendUint32(out, uint32(n))
	}
	return append(out, texts.Bytes()...)
}

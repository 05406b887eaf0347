package ipc

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
)

// fakeLauncher answers with what it is told to, and keeps what it is asked.
type fakeLauncher struct {
	answer LaunchAnswer
	asked  chan LaunchRequest
}

func (f *fakeLauncher) Launch(_ context.Context, req LaunchRequest) LaunchAnswer {
	f.asked <- req
	return f.answer
}

func (f *fakeLauncher) Launches(int) LaunchesReply { return LaunchesReply{} }

// fakeMiss keeps how the command ended, and whether it was stored.
type fakeMiss struct {
	end            LaunchEnd
	stored, closed bool
}

func (m *fakeMiss) Finish(_ context.Context, end LaunchEnd) func() {
	m.end = end
	return func() { m.stored = true }
}

func (m *fakeMiss) Close() { m.closed = true }

func launchFrame(texts ...string) []byte {
	body := []byte{}
	for _, s := range texts {
		body = append(append(body, s...), 0)
	}
	out := []byte(launchMagic)
	for _, n := range []int{len(body), 0o22, 2, 2, len(texts) - 4} {
		out = binary.NativeEndian.AppendUint32(out, uint32(n))
	}
	return append(out, body...)
}

// serveLaunch begins to serve and returns the client's end.
func serveLaunch(t *testing.T, f *fakeLauncher) (client net.Conn, done chan error) {
	t.Helper()
	f.asked = make(chan LaunchRequest, 1)
	client, server := net.Pipe()
	done = make(chan error, 1)
	go func() { done <- ServeLaunch(t.Context(), f, server, 0) }()
	t.Cleanup(func() { client.Close() })
	return client, done
}

func TestLaunchHit(t *testing.T) {
	t.Parallel()
	f := &fakeLauncher{answer: LaunchAnswer{Kind: LaunchHit, Files: []LaunchFile{{"/w/.rb-1", "/w/a.o"}}, Stderr: []byte("warning\n")}}
	client, done := serveLaunch(t, f)
	go client.Write(launchFrame("/w", "/usr/bin/gcc", "gcc", "-c", "A=1", "B="))
	got := make([]byte, 1+12+len("/w/.rb-1\x00/w/a.o\x00warning\n"))
	if _, err := io.ReadFull(client, got); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := binary.NativeEndian.AppendUint32([]byte{'h'}, uint32(len("/w/.rb-1\x00/w/a.o\x00warning\n")))
	want = binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(want, 1), 8)
	if want = append(want, "/w/.rb-1\x00/w/a.o\x00warning\n"...); !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	req := <-f.asked
	if req.Dir != "/w" || req.Program != "/usr/bin/gcc" || !slices.Equal(req.Args, []string{"gcc", "-c"}) || !slices.Equal(req.Env, []string{"A=1", "B="}) || req.Umask != 0o22 || req.Terminals != 2 {
		t.Errorf("%+v", req)
	}
}

// A result is stored only if the client says at last that it still waits.
func TestLaunchMiss(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{true, false} {
		miss := &fakeMiss{}
		f := &fakeLauncher{answer: LaunchAnswer{Kind: LaunchMiss, Env: []string{"X=1"}, Miss: miss}}
		client, done := serveLaunch(t, f)
		go client.Write(launchFrame("/w", "/usr/bin/gcc", "gcc", "-c"))
		if _, err := io.ReadFull(client, make([]byte, 1+12+len("X=1\x00"))); err != nil {
			t.Fatal(err)
		}
		var end []byte
		for _, n := range []uint32{2, 0, 1500, 250, 1024, 0, 0} {
			end = binary.NativeEndian.AppendUint32(end, n)
		}
		client.Write(append(end, "hi"...))
		if ack := make([]byte, 1); true {
			if _, err := io.ReadFull(client, ack); err != nil || ack[0] != 'a' {
				t.Fatal(ack, err)
			}
		}
		if waits {
			client.Write([]byte{'k'})
		}
		client.Close()
		<-done
		if miss.stored != waits || !miss.closed || string(miss.end.Stderr) != "hi" || miss.end.Seconds != 1.5 || miss.end.Peak != 1<<20 {
			t.Errorf("waits %v: %+v", waits, miss)
		}
	}
}

func FuzzLaunchRequest(f *testing.F) {
	f.Add(launchFrame("/w", "/usr/bin/gcc", "gcc", "-c", "A=1"))
	f.Add(launchFrame("", "", "", ""))
	f.Fuzz(func(t *testing.T, frame []byte) {
		req, err := readLaunch(bytes.NewReader(frame))
		if err == nil && len(req.Args) == 0 {
			t.Error("no arguments, and no error")
		}
	})
}

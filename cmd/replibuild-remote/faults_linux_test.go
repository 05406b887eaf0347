package main

import (
	"context"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"testing"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/ipc"
)

// Whatever the server does, the build is right and succeeds, and says the cause once.
func TestFaultsOfServer(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(ctx context.Context, call string) error]
	var spoil atomic.Bool
	s := remotefake.Start(t, remotefake.Options{
		Before: func(ctx context.Context, call string) error {
			if f := fault.Load(); f != nil {
				return (*f)(ctx, call)
			}
			return nil
		},
		Content: func(_ string, data []byte) []byte {
			if spoil.Load() && len(data) > 0 {
				return append([]byte{data[0] ^ 1}, data[1:]...)
			}
			return data
		},
	})
	files := with(s.GRPC)
	files["src/third.cpp"] = "int third() { return 3; }\n" // three failed look-ups turn a server off
	made := uploader(t, s.GRPC, files)
	dev := reader(t, s.GRPC, files)
	quick := strings.Replace(files["replibuild.toml"], "timeout = 30000", "timeout = 200", 1)
	blobs := func(change func(f *re.OutputFile)) func() {
		return func() {
			s.Rewrite(func(r *re.ActionResult, _ func(*re.Digest) []byte, _ func([]byte) *re.Digest) {
				for _, f := range r.GetOutputFiles() {
					if isEntry(r) && f.GetPath() == "0" {
						change(f)
					}
				}
			})
		}
	}
	lost := [][32]byte{}
	for _, c := range []struct {
		name, toml string
		begin      func()
		call       func(ctx context.Context, call string) error
		notices    int
		early      bool // the build may end before the first deadline, and says nothing then
		tier       string
	}{
		{name: "hung", toml: quick, call: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, notices: 1, early: true},
		{name: "hung look-ups", toml: quick, call: func(ctx context.Context, call string) error {
			if call == "GetActionResult" {
				<-ctx.Done()
			}
			return ctx.Err()
		}, notices: 1, early: true},
		{name: "refusing", call: func(context.Context, string) error { return status.Error(codes.PermissionDenied, "go away") }, notices: 1},
		{name: "failing", call: func(_ context.Context, call string) error {
			if call == "GetCapabilities" {
				return nil
			}
			return status.Error(codes.Internal, "the disk is broken")
		}, notices: 1},
		{name: "dead", toml: strings.Replace(files["replibuild.toml"], s.GRPC, "grpc://127.0.0.1:1", 1), notices: 1},
		{name: "nothing is wrong", tier: ipc.TierRemote},
		{name: "wrong blobs", begin: func() { spoil.Store(true) }, notices: 1},
		{name: "lost blobs", begin: func() {
			spoil.Store(false)
			blobs(func(f *re.OutputFile) {
				sum, err := hex.DecodeString(f.GetDigest().GetHash())
				if err != nil {
					t.Fatal(err)
				}
				lost = append(lost, [32]byte(sum))
			})()
			for _, sum := range lost {
				s.Lose(sum)
			}
		}},
		{name: "absent outputs", begin: blobs(func(f *re.OutputFile) { f.Path = "another" })},
		{name: "no outputs", begin: func() {
			s.Rewrite(func(r *re.ActionResult, _ func(*re.Digest) []byte, _ func([]byte) *re.Digest) { r.OutputFiles = nil })
		}},
	} {
		dev.forget()
		if c.toml == "" {
			c.toml = files["replibuild.toml"]
		}
		dev.save("replibuild.toml", c.toml)
		dev.write(".replibuild/config.toml", developer(s.GRPC)+developer("grpc://127.0.0.1:1"))
		if fault.Store(nil); c.call != nil {
			fault.Store(&c.call)
		}
		if c.begin != nil {
			c.begin()
		}
		b := dev.compile()
		for i, name := range names {
			b.from(t, c.name, name, c.tier)
			if dev.read(objects[i]) != made.read(objects[i]) {
				t.Errorf("%s: %s is not what CI made", c.name, objects[i])
			}
		}
		if len(b.notices) != c.notices && !(c.early && len(b.notices) == 0) {
			t.Errorf("%s: notices %q, want %d", c.name, b.notices, c.notices)
		}
		t.Logf("%s: %q, %.2f s", c.name, b.notices, b.seconds)
	}
}

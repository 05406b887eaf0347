package examples_test

import (
	"crypto/sha256"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/internal/userconfig"
	"github.com/RepliBuild/replibuild/remotecache"
)

// remoteOf is the remote cache that the example's project may use with a user's file.
func remoteOf(t *testing.T, user string, ci bool) (remotecache.Config, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("remote", user))
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.WriteFile(userconfig.Path(home), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := userconfig.Load(home)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("remote")
	if err != nil {
		t.Fatal(err)
	}
	return userconfig.Decide(setup.ReadRemote(root), c, root, ci)
}

func TestRemoteExampleFiles(t *testing.T) {
	t.Parallel()
	if c, why := remoteOf(t, "developer.toml", false); c.URL == "" || c.Upload || len(c.Headers) > 0 {
		t.Errorf("a developer gets %+v: %s", c, why)
	}
	if c, why := remoteOf(t, "ci.toml", true); c.URL == "" || !c.Upload || c.Headers["authorization"] == "" {
		t.Errorf("CI gets %+v: %s", c, why)
	}
	if c, why := remoteOf(t, "ci.toml", false); c.Upload {
		t.Errorf("CI's file outside of CI gets %+v: %s", c, why)
	}
}

// The files of the farm fit together.
func TestFarmExampleFiles(t *testing.T) {
	t.Parallel()
	root, home := t.TempDir(), t.TempDir()
	for from, to := range map[string]string{"farm.toml": filepath.Join(root, "replibuild.toml"), "farm-user.toml": userconfig.Path(home)} {
		text, err := os.ReadFile(filepath.Join("remote", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := userconfig.Load(home)
	if err != nil {
		t.Fatal(err)
	}
	if f, why := userconfig.DecideFarm(setup.ReadRemote(root), c, root); f.URL == "" || f.Jobs != 4 || f.Toolchain != remotecache.ToolchainShipped {
		t.Errorf("%+v: %s", f, why)
	}
}

// The example's server: CI stores, a developer reads and cannot store.
func TestRemoteExample(t *testing.T) {
	t.Parallel()
	server := os.Getenv("REPLIBUILD_BAZEL_REMOTE")
	if server == "" {
		t.Skip("`make remote-test` runs this with a real bazel-remote")
	}
	program := filepath.Join(t.TempDir(), "replibuild-remote")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/replibuild-remote").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := serve(t, server)
	use := func(user string, ci, upload bool) *remotecache.Client {
		c, _ := remoteOf(t, user, ci)
		c.URL, c.Upload, c.Timeout = "grpc://"+address, upload, testkit.Patience
		client := remotecache.New(c, remotecache.Options{Executable: program})
		t.Cleanup(func() { client.Close() })
		return client
	}
	blob := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(blob, []byte("object"), 0o600); err != nil {
		t.Fatal(err)
	}
	value := remotecache.Value{Files: []remotecache.File{{Name: "a.o", Digest: sha256.Sum256([]byte("object")), Size: 6}}}
	store := func(c *remotecache.Client, key byte) {
		c.Store(remotecache.Key{key}, value, func(remotecache.File) string { return blob })
		if err := c.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ci, developer := use("ci.toml", true, true), use("developer.toml", false, true) // who tries to write
	store(ci, 1)
	store(developer, 2)
	found := developer.Lookup(t.Context(), []remotecache.Key{{1}, {2}}, "a.o")
	if found[0] == nil || string(found[0].Files[0].Contents) != "object" || found[1] != nil {
		t.Errorf("a developer finds %+v and %+v; CI: %+v", found[0], found[1], ci.Health())
	}
	if h := developer.Health(); h.MayWrite || !strings.Contains(h.WhyNot, "credentials") {
		t.Errorf("a developer may write: %+v", h)
	}
}

// serve runs the example's script on free ports and returns where gRPC listens.
func serve(t *testing.T, server string) string {
	t.Helper()
	port := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, p, _ := net.SplitHostPort(l.Addr().String())
		return p
	}
	for range 10 { // another process may take a port between the choice and the start
		grpc := port()
		cmd := exec.Command("./remote/serve.sh", server, t.TempDir(), grpc, port())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
		for {
			conn, err := net.Dial("tcp", "127.0.0.1:"+grpc)
			if err == nil {
				conn.Close()
				return "127.0.0.1:" + grpc
			}
			select {
			case <-ended:
			case <-time.After(5 * time.Millisecond):
				continue
			}
			break
		}
	}
	t.Fatal("the example's server does not start")
	return ""
}

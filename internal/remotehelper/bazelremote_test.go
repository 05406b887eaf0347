package remotehelper_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/remotecache"
)

// realServer is a bazel-remote that runs.
type realServer struct{ grpc, http string }

// startReal starts the bazel-remote of REPLIBUILD_BAZEL_REMOTE, which `make remote-test`
// builds, on free ports of the loopback interface.
func startReal(t testing.TB, args ...string) realServer {
	t.Helper()
	program := os.Getenv("REPLIBUILD_BAZEL_REMOTE")
	if program == "" {
		t.Skip("`make remote-test` runs this with a real bazel-remote")
	}
	for range 10 { // another process may take a port between the choice and the start
		g, h := freePort(t), freePort(t)
		log := &testkit.Buffer{}
		cmd := exec.Command(program, append([]string{"--dir", t.TempDir(), "--max_size", "1", "--access_log_level", "none", "--grpc_address", g, "--http_address", h}, args...)...)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
		if listens(ended, g) && listens(ended, h) {
			return realServer{"grpc://" + g, "http://" + h}
		}
		t.Logf("bazel-remote did not start:\n%s", log)
	}
	t.Fatal("bazel-remote does not start")
	return realServer{}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listens waits until something listens or the program has ended.
func listens(ended <-chan struct{}, address string) bool {
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestRealServer(t *testing.T) {
	t.Parallel()
	t.Run("gRPC", func(t *testing.T) { roundTrip(t, patient(startReal(t).grpc), 4<<20) })
	t.Run("HTTP", func(t *testing.T) { roundTrip(t, patient(startReal(t).http), 4<<20) })
}

// What was stored by one protocol is found by the other.
func TestRealServerHasOneCacheForBothProtocols(t *testing.T) {
	t.Parallel()
	s := startReal(t)
	from := content{t.TempDir()}
	for i, c := range [][2]string{{s.grpc, s.http}, {s.http, s.grpc}} {
		writer, reader, key := connect(t, patient(c[0])), connect(t, patient(c[1])), remotecache.Key{byte(i)}
		writer.Store(key, remotecache.Value{Files: []remotecache.File{from.file(t, "a.o", noise(5000+i))}, Meta: []byte("m")}, from.open)
		_ = writer.Wait(t.Context())
		found := reader.Lookup(t.Context(), []remotecache.Key{key}, "a.o")[0]
		if found == nil || found.Files[0].Contents == nil || string(found.Meta) != "m" {
			t.Errorf("stored at %s, found at %s: %+v", c[0], c[1], found)
		}
	}
}

// A server that all may read and only some may write: the first write shows it.
func TestRealServerThatIsReadOnly(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users")
	// The password is "secret", by `htpasswd -nbB ci secret`.
	if err := os.WriteFile(users, []byte("ci:"+secretHash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startReal(t, "--htpasswd_file", users, "--allow_unauthenticated_reads")
	from := content{t.TempDir()}
	value := remotecache.Value{Files: []remotecache.File{from.file(t, "a.o", noise(5000))}}
	for name, url := range map[string]string{"gRPC": s.grpc, "HTTP": s.http} {
		t.Run(name, func(t *testing.T) {
			reader := connect(t, patient(url))
			key := remotecache.Key{byte(len(name)), name[0]}
			for range 3 {
				reader.Store(key, value, from.open)
				_ = reader.Wait(t.Context())
			}
			if h := reader.Health(); h.MayWrite || !h.MayRead || h.Failures[remotewire.CauseUnauthenticated] != 0 || len(reader.told()) != 1 {
				t.Errorf("%+v; %q", h, reader.told())
			}
			config := patient(url)
			config.Headers = map[string]string{"authorization": "Basic Y2k6c2VjcmV0"} // ci:secret
			writer := connect(t, config)
			writer.Store(key, value, from.open)
			_ = writer.Wait(t.Context())
			if reader.Lookup(t.Context(), []remotecache.Key{key})[0] == nil {
				t.Errorf("what CI stored is not found: %+v; %q", writer.Health(), writer.told())
			}
		})
	}
}

// The server dies and comes back: the build in between goes on, the next one finds it.
func TestRealServerThatForgets(t *testing.T) {
	t.Parallel()
	s := startReal(t)
	from := content{t.TempDir()}
	f := from.file(t, "a.o", noise(300<<10))
	client := connect(t, patient(s.http))
	client.Store(remotecache.Key{1}, remotecache.Value{Files: []remotecache.File{f}}, from.open)
	_ = client.Wait(t.Context())
	v := client.Lookup(t.Context(), []remotecache.Key{{1}})[0]
	if v == nil {
		t.Fatal("not found")
	}
	other := v.Files[0]
	other.Digest[0]++
	into := t.TempDir()
	err := client.Fetch(t.Context(), append(v.Files, other), into)
	if _, there := os.Stat(filepath.Join(into, f.Hex())); err == nil || there != nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a value with a blob that is gone: %v, the other blob: %v", err, there)
	}
}

// secretHash is "secret" by bcrypt.
const secretHash = "$2y$05$MFtM2aMPxTY2Tq0.JqPuyOJc8lLeTW8IFFvMD/VqeNoPejBfQi/wO"

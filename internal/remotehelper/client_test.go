package remotehelper_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/internal/remotehelper"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/remotecache"
)

// user is a client of a test with what it was told.
type user struct {
	*remotecache.Client
	mu      sync.Mutex
	notices []string
}

// told returns the notices so far.
func (u *user) told() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.notices)
}

// inProcess is the program replibuild-remote in this process: the real code without a start.
func inProcess() (io.ReadWriteCloser, error) {
	here, there := net.Pipe()
	go func() {
		_ = remotehelper.Serve(context.Background(), there, there) // its error is that the pipe was closed
		there.Close()
	}()
	return here, nil
}

// stopped is a clock that stands still: no budget ends, and what is off stays off.
func stopped() time.Time { return time.Unix(1e9, 0) }

// connect makes a client that is closed with the test.
func connect(t testing.TB, c remotecache.Config) *user {
	t.Helper()
	u := &user{}
	u.Client = remotecache.New(c, remotecache.Options{Start: inProcess, Now: stopped, Notify: func(text string) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.notices = append(u.notices, text)
	}})
	t.Cleanup(func() { u.Close() })
	return u
}

// patient is a configuration for tests in which time must not matter.
func patient(url string) remotecache.Config {
	return remotecache.Config{URL: url, Upload: true, Timeout: testkit.Patience}
}

// content makes values of files on disk.
type content struct {
	dir string
}

// file writes data and describes it.
func (c content) file(t testing.TB, name string, data []byte) remotecache.File {
	t.Helper()
	f := remotecache.File{Name: name, Digest: sha256.Sum256(data), Size: int64(len(data)), Executable: strings.HasSuffix(name, "x")}
	if err := os.WriteFile(filepath.Join(c.dir, f.Hex()), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (c content) open(f remotecache.File) string { return filepath.Join(c.dir, f.Hex()) }

// noise is content that cannot be compressed.
func noise(n int) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}

// roundTrip stores a value with files of all sizes, some larger than a batch may be, and gets it
// back with another client.
func roundTrip(t *testing.T, config remotecache.Config, batch int) {
	t.Helper()
	from := content{t.TempDir()}
	value := remotecache.Value{Meta: []byte("m\x00eta"), Files: []remotecache.File{
		from.file(t, "out/a.o", noise(100<<10)), from.file(t, "set0", bytes.Repeat([]byte("path/to/a.h\n"), 5000)), from.file(t, "empty", nil),
		from.file(t, "large", noise(batch+1<<18)), from.file(t, "soft", bytes.Repeat([]byte("0123456789abcdef"), batch>>4+1<<14)), from.file(t, "toolx", []byte("#!")),
	}}
	for i := range 30 {
		value.Files = append(value.Files, from.file(t, "many/"+string(rune('a'+i)), noise(60<<10)))
	}
	key := remotecache.Key(sha256.Sum256([]byte(t.Name())))
	writer := connect(t, config)
	writer.Store(key, value, from.open)
	if err := writer.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := writer.Health(); h.Stored != 1 || h.StoredBlobs != int64(len(value.Files)-1) || h.QueueLength != 0 || !h.MayWrite {
		t.Fatalf("after the upload: %+v; %q", h, writer.told())
	}
	writer.Store(remotecache.Key{1}, value, from.open) // all blobs are there
	_ = writer.Wait(t.Context())
	if h := writer.Health(); h.Stored != 2 || h.StoredBlobs != int64(len(value.Files)-1) {
		t.Errorf("the second value of the same blobs: %+v", h)
	}

	reader := connect(t, config)
	found := reader.Lookup(t.Context(), []remotecache.Key{{9}, key, {8}}, "set0", "large", "empty")
	if found[0] != nil || found[2] != nil || found[1] == nil {
		t.Fatalf("found %v; %q", found, reader.told())
	}
	got := found[1]
	if !bytes.Equal(got.Meta, value.Meta) || len(got.Files) != len(value.Files) {
		t.Errorf("got %q and %d files", got.Meta, len(got.Files))
	}
	into := t.TempDir()
	if err := reader.Fetch(t.Context(), got.Files, into); err != nil {
		t.Fatal(err)
	}
	came := 0
	for i, f := range got.Files {
		w := value.Files[i]
		if f.Name != w.Name || f.Digest != w.Digest || f.Size != w.Size || f.Executable != w.Executable {
			t.Errorf("file %d is %s %x %d %v", i, f.Name, f.Digest, f.Size, f.Executable)
		}
		const most = 3 << 20 // what one look-up brings along
		want := f.Name == "set0" || f.Name == "large" && f.Size < most
		if want {
			came++
		}
		if (f.Contents != nil) != want {
			t.Errorf("%s came along: %v", f.Name, f.Contents != nil)
		}
		have, err := os.ReadFile(filepath.Join(into, f.Hex()))
		if err != nil || sha256.Sum256(have) != w.Digest {
			t.Errorf("%s: %d bytes, %v", f.Name, len(have), err)
		}
	}
	h := reader.Health()
	if h.Hits != 1 || h.Misses != 2 || h.FetchedBlobs != int64(len(value.Files)-1-came) || len(h.Failures) != 0 || h.State != remotecache.StateOn {
		t.Errorf("after the download: %+v", h)
	}
	if left, _ := filepath.Glob(filepath.Join(into, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		options     remotefake.Options
		compression string
		http        bool
	}{
		{name: "gRPC"},
		{name: "gRPC without compression", compression: remotecache.CompressionNone},
		{name: "gRPC with an instance", options: remotefake.Options{Instance: "team/main"}},
		{name: "plain gRPC", options: remotefake.Options{Plain: true}},
		{name: "HTTP", http: true},
		{name: "HTTP with an instance", http: true, options: remotefake.Options{Instance: "main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := remotefake.Start(t, c.options)
			config := patient(s.GRPC)
			if c.http {
				config = patient(s.HTTP)
			}
			config.Instance, config.Compression = c.options.Instance, c.compression
			batch := 1 << 20 // what the server names
			if c.options.Plain {
				batch = 4 << 20
			}
			roundTrip(t, config, batch)
		})
	}
}

package remotehelper_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/internal/remotewire"
	"github.com/RepliBuild/replibuild/remotecache"
)

// answer is an answer of [remotefake.Options].Before: to some calls a status of gRPC or, for
// calls of HTTP, of HTTP.
func answer(calls string, code codes.Code, http int) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		kind, _, ofHTTP := strings.Cut(call, " ")
		switch {
		case !strings.Contains(calls, call) && !strings.Contains(calls, kind+" *"):
			return nil
		case ofHTTP:
			return remotefake.Status(http)
		}
		return status.Error(code, "said by the server\nat length")
	}
}

// hang never answers some calls.
func hang(calls string) func(context.Context, string) error {
	return func(ctx context.Context, call string) error {
		if strings.Contains(calls, call) {
			<-ctx.Done()
		}
		return ctx.Err()
	}
}

const (
	reads  = "GetActionResult GET ac"
	writes = "FindMissingBlobs BatchUpdateBlobs Write UpdateActionResult PUT cas PUT ac"
	opens  = "GetCapabilities HEAD cas"
)

// Whatever a server does when it is asked: no hit, no error, and one notice.
func TestFaultsOfReading(t *testing.T) {
	t.Parallel()
	short := func(c *remotecache.Config) { c.Timeout = 20 * time.Millisecond }
	for _, c := range []struct {
		name    string
		options remotefake.Options
		change  func(*remotecache.Config)
		notice  string
		only    string // "grpc" or "http"; "" = both
	}{
		{name: "hangs", options: remotefake.Options{Before: hang(reads)}, change: short, notice: "it does not answer in time"},
		{name: "hangs from the start", options: remotefake.Options{Before: hang(opens)}, change: short, notice: "it does not answer in time"},
		{name: "wants credentials", options: remotefake.Options{Before: answer(reads, codes.Unauthenticated, 401)}, notice: "it wants other credentials"},
		{name: "wants credentials from the start", options: remotefake.Options{Before: answer(opens, codes.Unauthenticated, 401)}, notice: "it wants other credentials"},
		{name: "refuses", options: remotefake.Options{Before: answer(reads, codes.PermissionDenied, 403)}, notice: "it refuses access"},
		{name: "refuses from the start", options: remotefake.Options{Before: answer(opens, codes.PermissionDenied, 403)}, notice: "it refuses access"},
		{name: "is in trouble", options: remotefake.Options{Before: answer(reads, codes.Internal, 500)}, notice: "it reports an error"},
		{name: "is not available", options: remotefake.Options{Before: answer(reads, codes.Unavailable, 503)}, notice: "it reports an error"},
		{name: "limits the rate", options: remotefake.Options{Before: answer(reads, codes.ResourceExhausted, 429)}, notice: "it "},
		{name: "is no cache", options: remotefake.Options{Before: answer(reads, codes.Unimplemented, 405)}, notice: "its answers cannot be used"},
		{name: "redirects", options: remotefake.Options{Before: answer(reads, codes.OK, 302)}, only: "http", notice: "the server redirects to http://127.0.0.1:1/elsewhere, which is not followed"},
		{name: "has another instance", options: remotefake.Options{Instance: "main"}, only: "grpc", change: func(c *remotecache.Config) { c.Instance = "mian" }, notice: "it does not know the instance"},
		{name: "has no SHA-256", options: remotefake.Options{MD5: true}, only: "grpc", notice: "it does not work with SHA-256"},
		{name: "has an endless result", options: remotefake.Options{Endless: true}, only: "http", notice: "its answers cannot be used: a result has more than"},
		{name: "lies about contents", options: remotefake.Options{Content: flipped}, notice: "it returns damaged content"},
		{name: "lies about sizes", options: remotefake.Options{Content: longer}, notice: "it returns damaged content"},
	} {
		for _, scheme := range []string{"grpc", "http"} {
			if c.only != "" && c.only != scheme {
				continue
			}
			t.Run(c.name+", "+scheme, func(t *testing.T) {
				t.Parallel()
				s := remotefake.Start(t, c.options)
				config := patient(s.GRPC)
				if scheme == "http" {
					config = patient(s.HTTP)
				}
				config.Instance = c.options.Instance
				keys := []remotecache.Key{{1}, {2}, {3}, {4}, {5}}
				s.Give("a.o", noise(100))
				if c.change != nil {
					c.change(&config)
				}
				checkReading(t, config, keys, c.notice)
			})
		}
	}
}

// checkReading looks up keys that the server has, in vain.
func checkReading(t *testing.T, config remotecache.Config, keys []remotecache.Key, notice string) {
	t.Helper()
	u := connect(t, config)
	before := u.Check(t.Context()).Hits // it asks for no contents
	for range 3 {
		for i, v := range u.Lookup(t.Context(), keys, "a.o") {
			if v != nil {
				t.Errorf("key %d has the value %+v", i, v)
			}
		}
	}
	h, told := u.Health(), u.told()
	if len(told) != 1 || !strings.Contains(told[0], notice) || !strings.Contains(told[0], h.URL) || strings.Contains(told[0], "\n") {
		t.Errorf("told %q, want %q; %+v", told, notice, h)
	}
	if h.State != remotecache.StateOff || h.Why == "" || h.MayRead || h.MayWrite || h.Hits != before {
		t.Errorf("after it: %+v", h)
	}
}

func flipped(_ string, data []byte) []byte {
	other := bytes.Clone(data)
	other[len(other)/2] ^= 1
	return other
}

func longer(_ string, data []byte) []byte { return append(bytes.Clone(data), 'x') }

// What does not speak the protocol at all.
func TestFaultsOfConnecting(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	swap := func(url, scheme string) string { _, host, _ := strings.Cut(url, "://"); return scheme + "://" + host }
	expired := remotefake.Start(t, remotefake.Options{TLS: certificate(t, "127.0.0.1", time.Now().Add(-time.Hour)).config})
	elsewhere := remotefake.Start(t, remotefake.Options{TLS: certificate(t, "10.0.0.1", time.Now().Add(time.Hour)).config})
	for _, c := range []struct{ name, url, notice string }{
		{"nothing listens", "grpc://" + freePort(t), "it cannot be reached: connection refused"},
		{"nothing listens, HTTP", "http://" + freePort(t), "it cannot be reached: connection refused"},
		{"no such host", "grpc://no..host:1", "its host is not known"},
		{"no such host, HTTP", "http://no..host:1", "its host is not known"},
		{"unknown scheme", "redis://127.0.0.1:1", `the scheme "redis" is unknown; a remote begins with one of grpc://`},
		{"no port", "grpc://127.0.0.1", "names no port"},
		{"HTTP where gRPC is meant", swap(s.HTTP, "grpc"), "its answers cannot be used: the server does not speak gRPC on this port"},
		{"gRPC where HTTP is meant", swap(s.GRPC, "http"), "its answers cannot be used: the server does not speak HTTP/1.1 on this port"},
		{"no TLS, gRPC", swap(s.GRPC, "grpcs"), "there is no secure connection: the server does not speak TLS"},
		{"no TLS, HTTP", swap(s.HTTP, "https"), "there is no secure connection: the server does not speak TLS"},
		{"expired certificate, gRPC", expired.GRPC, "its certificate is not valid: it has expired"},
		{"expired certificate, HTTP", expired.HTTP, "its certificate is not valid: it has expired"},
		{"certificate of another host, gRPC", elsewhere.GRPC, "its certificate is not valid: it is for another host"},
		{"certificate of another host, HTTP", elsewhere.HTTP, "its certificate is not valid: it is for another host"},
		{"accepts and closes", "grpc://" + deaf(t, true), "it cannot be reached: the server closed the connection"},
		{"accepts and closes, HTTP", "http://" + deaf(t, true), "it cannot be reached: the server closed the connection"},
		{"accepts and is silent", "grpc://" + deaf(t, false), "it does not answer in time"},
		{"accepts and is silent, HTTP", "http://" + deaf(t, false), "it does not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := patient(c.url)
			if strings.Contains(c.notice, "in time") {
				config.Timeout = time.Millisecond
			}
			checkReading(t, config, []remotecache.Key{{1}, {2}}, c.notice)
		})
	}
}

// deaf listens, accepts, and says nothing.
func deaf(t *testing.T, closing bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if closing {
				conn.Close()
			} else {
				defer conn.Close()
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// keyPair is a certificate that signs itself.
type keyPair struct {
	config    *tls.Config
	cert, key string // files in PEM form
}

func certificate(t *testing.T, address string, until time.Time) keyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "replibuild test"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := keyPair{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{p.cert: {Type: "CERTIFICATE", Bytes: der}, p.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	p.config = &tls.Config{Certificates: []tls.Certificate{own}}
	return p
}

// With TLS, a certificate of the client, and a header.
func TestTLS(t *testing.T) {
	t.Parallel()
	server, client := certificate(t, "127.0.0.1", time.Now().Add(time.Hour)), certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
	known := x509.NewCertPool()
	pem, err := os.ReadFile(client.cert)
	if err != nil {
		t.Fatal(err)
	}
	known.AppendCertsFromPEM(pem)
	server.config.ClientCAs, server.config.ClientAuth = known, tls.RequireAndVerifyClientCert
	s := remotefake.Start(t, remotefake.Options{TLS: server.config})
	for _, url := range []string{s.GRPC, s.HTTP} {
		config := patient(url)
		config.TLSCA, config.TLSCert, config.TLSKey = server.cert, client.cert, client.key
		if h := connect(t, config).Check(t.Context()); !h.MayRead || !h.MayWrite {
			t.Errorf("with both certificates: %+v", h)
		}
		config.TLSCert, config.TLSKey = "", ""
		if h := connect(t, config).Check(t.Context()); h.MayRead {
			t.Errorf("without the client's certificate: %+v", h)
		}
		config.TLSCA = filepath.Join(t.TempDir(), "none.pem")
		if h := connect(t, config).Check(t.Context()); h.State != remotecache.StateOff || !strings.Contains(h.Why, "tls_ca: open") {
			t.Errorf("with a file that is missing: %+v", h)
		}
		config.TLSCA = ""
		if h := connect(t, config).Check(t.Context()); !strings.Contains(h.Why, "has signed it") {
			t.Errorf("with the system's certificates: %+v", h)
		}
	}
}

// A server that lies about a blob, or has lost it, or sends it without end: the other blobs
// arrive, nothing wrong gets a name, and the error is one of the fetch.
func TestFaultsOfFetching(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options remotefake.Options
		want    string
		lose    bool
	}{
		{name: "lost", lose: true, want: remotewire.CauseMissing},
		{name: "other content", options: remotefake.Options{Content: flipped}, want: remotewire.CauseDamaged},
		{name: "too long", options: remotefake.Options{Content: longer}, want: remotewire.CauseDamaged},
		{name: "too short", options: remotefake.Options{Content: func(_ string, data []byte) []byte { return data[1:] }}, want: remotewire.CauseDamaged},
		{name: "nothing", options: remotefake.Options{Content: func(string, []byte) []byte { return nil }}, want: remotewire.CauseDamaged},
		{name: "endless", options: remotefake.Options{Endless: true}, want: remotewire.CauseDamaged},
	} {
		for _, scheme := range []string{"grpc", "grpc packed", "http"} {
			t.Run(c.name+", "+scheme, func(t *testing.T) {
				t.Parallel()
				from := content{t.TempDir()}
				good, bad := from.file(t, "good", noise(2000)), from.file(t, "bad", noise(1500<<10)) // one in a batch, one in a stream
				options := c.options
				if change := options.Content; change != nil {
					options.Content = func(hash string, data []byte) []byte {
						if hash == bad.Hex() {
							return change(hash, data)
						}
						return data
					}
				}
				s := remotefake.Start(t, options)
				config := patient(map[string]string{"grpc": s.GRPC, "grpc packed": s.GRPC, "http": s.HTTP}[scheme])
				if scheme == "grpc" {
					config.Compression = remotecache.CompressionNone
				}
				u := connect(t, config)
				files := []remotecache.File{good, bad}
				u.Store(remotecache.Key{1}, remotecache.Value{Files: files}, from.open)
				_ = u.Wait(t.Context())
				if c.lose {
					s.Lose(bad.Digest)
				}
				into := t.TempDir()
				err := u.Fetch(t.Context(), files, into)
				h := u.Health()
				if err == nil || h.Failures[c.want] != 1 || h.State != remotecache.StateOn {
					t.Errorf("%v, %+v", err, h)
				}
				names, _ := filepath.Glob(filepath.Join(into, "*"))
				hidden, _ := filepath.Glob(filepath.Join(into, ".*"))
				if _, err := os.Stat(filepath.Join(into, bad.Hex())); err == nil || len(hidden) > 0 {
					t.Errorf("there is %v, %v", names, hidden)
				}
				if data, err := os.ReadFile(filepath.Join(into, good.Hex())); !options.Endless && (err != nil || sha256.Sum256(data) != good.Digest) {
					t.Errorf("the good blob: %v", err)
				}
			})
		}
	}
}

// A server that does not take what is stored: reading goes on, writing does not, and the
// build is told once.
func TestFaultsOfStoring(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options remotefake.Options
		notice  string
		tries   int // values that are sent before it is given up
	}{
		{"read only by its capabilities", remotefake.Options{NoUpdate: true}, "", 0},
		{"read only", remotefake.Options{Before: answer("UpdateActionResult PUT ac", codes.PermissionDenied, 403)}, "it refuses access", 1},
		{"wants credentials", remotefake.Options{Before: answer(writes, codes.Unauthenticated, 401)}, "it wants other credentials", 1},
		{"cannot store", remotefake.Options{Before: answer(writes, codes.Unimplemented, 405)}, "it stores nothing from here", 1},
		{"full", remotefake.Options{Before: answer("BatchUpdateBlobs PUT cas", codes.ResourceExhausted, 507)}, "it is full", 1},
		{"in trouble", remotefake.Options{Before: answer(writes, codes.Internal, 500)}, "it reports an error", 3},
	} {
		for _, scheme := range []string{"grpc", "http"} {
			if c.options.NoUpdate && scheme == "http" {
				continue
			}
			t.Run(c.name+", "+scheme, func(t *testing.T) {
				t.Parallel()
				s := remotefake.Start(t, c.options)
				config := patient(s.GRPC)
				if scheme == "http" {
					config = patient(s.HTTP)
				}
				u := connect(t, config)
				from := content{t.TempDir()}
				for i := range 5 {
					u.Store(remotecache.Key{byte(i)}, remotecache.Value{Files: []remotecache.File{from.file(t, "a.o", noise(100+i))}}, from.open)
					_ = u.Wait(t.Context())
				}
				h, told := u.Health(), u.told()
				if h.MayWrite || h.WhyNot == "" || h.Stored != 0 || h.Dropped != 5 || h.QueueLength != 0 || h.QueueBytes != 0 {
					t.Errorf("after it: %+v", h)
				}
				if len(told) != 1 || !strings.Contains(told[0], c.notice) {
					t.Errorf("told %q", told)
				}
				sent := s.Calls("FindMissingBlobs") + s.Calls("HEAD cas")
				if scheme == "http" {
					sent-- // the first one asks what the server is
				}
				if sent != c.tries {
					t.Errorf("%d values were sent, want %d", sent, c.tries)
				}
				u.Lookup(t.Context(), []remotecache.Key{{1}})
				if h := u.Health(); c.tries == 1 && (!h.MayRead || h.Misses != 1) {
					t.Errorf("reading after it: %+v", h)
				}
			})
		}
	}
}

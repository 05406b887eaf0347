// Package remotefake is a remote cache for tests: in memory, strict about the protocol, and
// faulty on demand. It speaks gRPC and HTTP, on one store. What a lenient server would let
// pass (a wrong digest, a result without its blobs, a batch that is too large, another
// instance) it refuses, and counts as a mistake of the client.
package remotefake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Options say what the server can do. The zero value is a server without TLS that does what
// it is asked to do.
type Options struct {
	Instance string // the only one there is
	TLS      *tls.Config
	Plain    bool // no compression, no batches to read, no capabilities, no inlined contents
	MD5      bool // another hash function than SHA-256
	NoUpdate bool // says in its capabilities that it takes no results
	// Before is called at the start of each call with its name, such as "GetActionResult"
	// or "GET cas"; an error is the answer. It may wait for ctx: the client has gone then.
	Before func(ctx context.Context, call string) error
	// Content may change what is sent for a blob.
	Content func(hash string, data []byte) []byte
	// Endless repeats the content of a stream or body until the client leaves.
	Endless bool

	// Execution has the server execute commands, really, each in a folder of its own.
	Execution bool
	// Platform are the properties that the one worker has.
	Platform map[string]string
	// Executed may change the result of each command that was executed.
	Executed func(r *re.ActionResult)
}

// Server is a running server.
type Server struct {
	GRPC string // URLs
	HTTP string

	options Options
	stop    context.Context
	dir     string     // of what is executed, and of the files of its inputs
	files   sync.Mutex // while one is written to dir

	mu       sync.Mutex
	blobs    map[string][]byte
	results  map[string]*re.ActionResult
	given    *re.ActionResult // for keys without a result; nil = none
	calls    map[string]int
	mistakes []string
}

// Start starts a server on free ports of the loopback interface. It ends with the test, which
// fails if a client made a mistake.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	stop, cancel := context.WithCancel(context.Background())
	s := &Server{options: o, stop: stop, blobs: map[string][]byte{}, results: map[string]*re.ActionResult{}, calls: map[string]int{}}
	if o.Execution {
		s.dir = t.TempDir()
	}
	s.GRPC = s.startGRPC(t)
	s.HTTP = s.startHTTP(t)
	t.Cleanup(cancel) // before the servers are stopped: what hangs ends
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, m := range s.mistakes {
			t.Errorf("the client's mistake: %s", m)
		}
	})
	return s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *Server) startGRPC(t testing.TB) string {
	options := []grpc.ServerOption{}
	scheme := "grpc"
	if s.options.TLS != nil {
		options, scheme = append(options, grpc.Creds(credentials.NewTLS(s.options.TLS))), "grpcs"
	}
	g := grpc.NewServer(options...)
	re.RegisterActionCacheServer(g, actionCache{s: s})
	re.RegisterContentAddressableStorageServer(g, storage{s: s})
	bytestream.RegisterByteStreamServer(g, &streams{s: s})
	if s.options.Execution {
		re.RegisterExecutionServer(g, execution{s: s})
	}
	if !s.options.Plain {
		re.RegisterCapabilitiesServer(g, capabilities{s: s})
	}
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(l) // ends with Stop
	}()
	t.Cleanup(func() { g.Stop(); <-done })
	return scheme + "://" + l.Addr().String()
}

func (s *Server) startHTTP(t testing.TB) string {
	h := &http.Server{Handler: http.HandlerFunc(s.serveHTTP), TLSConfig: s.options.TLS, ErrorLog: log.New(io.Discard, "", 0)}
	l := listen(t)
	scheme := "http"
	if s.options.TLS != nil {
		l, scheme = tls.NewListener(l, s.options.TLS), "https"
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(l) // ends with Close
	}()
	t.Cleanup(func() { h.Close(); <-done })
	return scheme + "://" + l.Addr().String()
}

// Calls is how often a call was made.
func (s *Server) Calls(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// Blobs is how many blobs the server has.
func (s *Server) Blobs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}

// Lose removes a blob; results that name it stay.
func (s *Server) Lose(digest [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, hex.EncodeToString(digest[:]))
}

// Rewrite has all results changed, as somebody does who may write. content is a stored blob,
// put stores one and returns its digest.
func (s *Server) Rewrite(change func(r *re.ActionResult, content func(*re.Digest) []byte, put func(data []byte) *re.Digest)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := func(d *re.Digest) []byte { return s.blobs[d.GetHash()] }
	put := func(data []byte) *re.Digest {
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:])
		s.blobs[hash] = data
		return &re.Digest{Hash: hash, SizeBytes: int64(len(data))}
	}
	for _, r := range s.results {
		change(r, content, put)
	}
}

// Give makes a value with one file the answer to all look-ups.
func (s *Server) Give(name string, data []byte) {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[hash] = data
	s.given = &re.ActionResult{OutputFiles: []*re.OutputFile{{Path: name, Digest: &re.Digest{Hash: hash, SizeBytes: int64(len(data))}}}}
}

// begin is the start of each call.
func (s *Server) begin(ctx context.Context, call string) error {
	if headers, ofGRPC := metadata.FromIncomingContext(ctx); ofGRPC && len(headers.Get("build.bazel.remote.execution.v2.requestmetadata-bin")) != 1 {
		return s.mistake("%s without the metadata of the request", call)
	}
	s.mu.Lock()
	s.calls[call]++
	s.mu.Unlock()
	if s.options.Before == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	return s.options.Before(ctx, call)
}

// mistake notes a mistake of the client.
func (s *Server) mistake(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := fmt.Errorf(format, args...)
	s.mistakes = append(s.mistakes, err.Error())
	return err
}

// put keeps a blob that is what its name says.
func (s *Server) put(hash string, size int64, data []byte) error {
	sum := sha256.Sum256(data)
	if hash != hex.EncodeToString(sum[:]) || size != int64(len(data)) {
		return s.mistake("blob %s of %d bytes has %d bytes, SHA-256 %x", hash, size, len(data), sum)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[hash] = data
	return nil
}

// get returns what is sent for a blob.
func (s *Server) get(hash string) ([]byte, bool) {
	s.mu.Lock()
	data, ok := s.blobs[hash]
	s.mu.Unlock()
	if ok && s.options.Content != nil {
		data = s.options.Content(hash, data)
	}
	return data, ok
}

func (s *Server) has(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.blobs[hash]
	return ok
}

// putResult keeps a result whose blobs are there.
func (s *Server) putResult(hash string, r *re.ActionResult) error {
	for _, f := range r.GetOutputFiles() {
		if f.GetDigest().GetSizeBytes() > 0 && !s.has(f.GetDigest().GetHash()) {
			return s.mistake("a result names the blob %s, which was not stored before", f.GetDigest().GetHash())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[hash] = proto.Clone(r).(*re.ActionResult)
	return nil
}

func (s *Server) result(hash string) *re.ActionResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := cmp.Or(s.results[hash], s.given); r != nil {
		return proto.Clone(r).(*re.ActionResult)
	}
	return nil
}

package remotehelper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// server is a remote cache. Its methods return a *remotewire.Fault as their error, and may
// be called by many goroutines. The timeout is that of one call.
type server interface {
	// capabilities asks what the server can do; it is the first call.
	capabilities(ctx context.Context) (remotewire.Capabilities, error)
	// lookup returns the value of a key, nil if there is none.
	lookup(ctx context.Context, timeout time.Duration, key remotewire.Digest, inline []string) (*value, error)
	// fetch writes blobs into dir.
	fetch(ctx context.Context, timeout time.Duration, files []remotewire.File, dir string) (moved, error)
	// store uploads blobs that the server lacks, then the value of the key.
	store(ctx context.Context, timeout time.Duration, key remotewire.Digest, files []remotewire.File, meta []byte) (moved, error)
	close()
}

// value is what a key stands for. contents has one element for each file, nil for a file
// whose contents did not come along.
type value struct {
	files    []remotewire.File
	contents [][]byte
	meta     []byte
}

// moved counts the blobs that were transferred, and their uncompressed bytes.
type moved struct {
	blobs int
	bytes int64
}

// Serve answers the requests that come from in until it ends, then stops what is under way.
// The error says that in or out broke.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	h := &helper{out: bufio.NewWriter(out), cancel: cancel}
	r := bufio.NewReader(in)
	var err error
	for {
		var request remotewire.Request
		if _, err = remotewire.ReadFrame(r, &request); err != nil {
			break
		}
		if request.Op == remotewire.OpCancel {
			h.end(request.Ends)
			continue
		}
		one, done := h.begin(ctx, request)
		h.running.Go(func() {
			defer done()
			h.answer(one, request)
		})
	}
	cancel()
	h.running.Wait()
	h.replace(nil)
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, h.broken)
}

// helper is one connection to a build.
type helper struct {
	running sync.WaitGroup
	cancel  context.CancelFunc

	writing sync.Mutex
	out     *bufio.Writer
	broken  error // out cannot be written to

	mu     sync.Mutex
	server server                        // nil before the first OpOpen that succeeded
	jobs   map[uint64]context.CancelFunc // executions under way, by the ID of the request
}

// begin returns the context of a request; that of an execution ends with end.
func (h *helper) begin(ctx context.Context, q remotewire.Request) (context.Context, func()) {
	if q.Op != remotewire.OpExecute {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs == nil {
		h.jobs = map[uint64]context.CancelFunc{}
	}
	h.jobs[q.ID] = cancel
	return ctx, func() { h.end(q.ID) }
}

// end ends an execution, if it is under way.
func (h *helper) end(id uint64) {
	h.mu.Lock()
	cancel := h.jobs[id]
	delete(h.jobs, id)
	h.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

func (h *helper) answer(ctx context.Context, q remotewire.Request) {
	reply, contents := h.do(ctx, q)
	reply.ID = q.ID
	h.writing.Lock()
	defer h.writing.Unlock()
	if h.broken == nil {
		if h.broken = remotewire.WriteFrame(h.out, reply, contents); h.broken != nil {
			h.cancel()
		}
	}
}

// do does what a request asks for.
func (h *helper) do(ctx context.Context, q remotewire.Request) (remotewire.Reply, [][]byte) {
	if q.Op == remotewire.OpOpen {
		return h.open(ctx, q), nil
	}
	h.mu.Lock()
	s := h.server
	h.mu.Unlock()
	if s == nil {
		return failed(fault(remotewire.CauseHelper, "asked before a server was named")), nil
	}
	var m moved
	var err error
	switch {
	case q.Op == remotewire.OpLookup && q.Key != nil:
		return lookup(ctx, s, q)
	case q.Op == remotewire.OpExecute && q.Job != nil:
		return execute(ctx, s, q), nil
	case q.Op == remotewire.OpFetch:
		m, err = s.fetch(ctx, q.Timeout, q.Files, q.Dir)
	case q.Op == remotewire.OpStore && q.Key != nil:
		m, err = s.store(ctx, q.Timeout, *q.Key, q.Files, q.Meta)
	default:
		err = fault(remotewire.CauseHelper, "%q is not a request", q.Op)
	}
	reply := failed(err)
	reply.Blobs, reply.Bytes = m.blobs, m.bytes
	return reply, nil
}

// executor is a server that executes commands.
type executor interface {
	// execute uploads what the server lacks, has the command executed and writes its outputs
	// into dir.
	execute(ctx context.Context, timeout time.Duration, job *remotewire.Job, dir string) (remotewire.Reply, error)
}

func execute(ctx context.Context, s server, q remotewire.Request) remotewire.Reply {
	e, ok := s.(executor)
	if !ok {
		return failed(fault(remotewire.CauseExecution, "HTTP has no way to execute commands; write execute = \"grpc://HOST:PORT\""))
	}
	reply, err := e.execute(ctx, q.Timeout, q.Job, q.Dir)
	if err != nil {
		reply.Fault = failed(err).Fault
	}
	return reply
}

func lookup(ctx context.Context, s server, q remotewire.Request) (remotewire.Reply, [][]byte) {
	start := time.Now()
	v, err := s.lookup(ctx, q.Timeout, *q.Key, q.Inline)
	reply := failed(err)
	reply.Elapsed = time.Since(start)
	if err != nil || v == nil {
		return reply, nil
	}
	reply.Found, reply.Files, reply.Meta = true, v.files, v.meta
	for i := range reply.Files {
		reply.Files[i].Inline = len(v.contents[i])
	}
	return reply, v.contents
}

// open connects to the server that the request names. Until that succeeds the connection
// before it stays.
func (h *helper) open(ctx context.Context, q remotewire.Request) remotewire.Reply {
	if q.Version != remotewire.Version || q.Config == nil {
		return failed(fault(remotewire.CauseHelper, "replibuild-remote speaks version %d, and replibuild version %d: install both from one release", remotewire.Version, q.Version))
	}
	s, err := connect(*q.Config)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	able, err := s.capabilities(ctx)
	if err != nil {
		s.close()
		return failed(err)
	}
	h.replace(s)
	return remotewire.Reply{Capabilities: &able}
}

// replace closes the server and puts another in its place.
func (h *helper) replace(s server) {
	h.mu.Lock()
	old := h.server
	h.server = s
	h.mu.Unlock()
	if old != nil {
		old.close()
	}
}

func connect(c remotewire.Config) (server, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fault(remotewire.CauseConfig, "%q is not a URL", c.URL)
	}
	secure := strings.HasSuffix(u.Scheme, "s")
	tlsConfig, err := tlsConfig(c, u.Hostname())
	if err != nil {
		return nil, err
	}
	if !secure {
		tlsConfig = nil
	}
	switch u.Scheme {
	case "grpc", "grpcs":
		return newGRPC(c, u.Host, tlsConfig)
	case "http", "https":
		return newHTTP(c, u, tlsConfig), nil
	}
	return nil, fault(remotewire.CauseConfig, "the scheme %q is unknown", u.Scheme)
}

func fault(cause, format string, args ...any) *remotewire.Fault {
	return &remotewire.Fault{Cause: cause, Text: fmt.Sprintf(format, args...)}
}

// failed is the reply to a request that ended with err, which may be nil.
func failed(err error) remotewire.Reply {
	if err == nil {
		return remotewire.Reply{}
	}
	var f *remotewire.Fault
	if !errors.As(err, &f) {
		f = fault(remotewire.CauseServer, "%v", err)
	}
	return remotewire.Reply{Fault: f}
}

// rate is what a connection must bring to be of use, in bytes a second: a slower one brings
// an object later than most compilers make it.
const rate = 2 << 20

// within bounds a call that transfers size bytes.
func within(ctx context.Context, timeout time.Duration, size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, timeout+time.Duration(size)*time.Second/rate)
}

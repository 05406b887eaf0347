package remotehelper

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// grpcServer speaks the Remote Execution API, of which it uses the cache.
type grpcServer struct {
	config remotewire.Config
	conn   *grpc.ClientConn
	dialed *lastError
	packer packer
	ac     re.ActionCacheClient
	cas    re.ContentAddressableStorageClient
	bytes  bytestream.ByteStreamClient
	exec   re.ExecutionClient
	sent   presence

	// Set by capabilities, before any other call.
	batch     int64       // bytes of one batch, with what is around the blobs
	zstdBytes bool        // large blobs may be compressed
	zstdBatch bool        // blobs in a batch that is sent may be compressed
	mayUpdate bool        // the server says that results may be stored
	singly    atomic.Bool // the server has no batches of blobs to read
}

const (
	// defaultBatch is the limit of gRPC for a message where the server names none.
	defaultBatch = 4 << 20
	// maxReply bounds an answer. Servers do not keep to the limit of the batches: what a
	// client asks for in one batch comes in one message.
	maxReply = 16 << 20
	// batchSlack is the room for what is around the blobs: digests, tags, statuses.
	batchSlack = 64 << 10
	// perBlob is the room that each blob of a batch takes beside its bytes.
	perBlob = 128
)

func newGRPC(c remotewire.Config, host string, t *tls.Config) (server, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	s := &grpcServer{config: c, dialed: &lastError{}, packer: packer}
	transport := insecure.NewCredentials()
	if t != nil {
		transport = credentials.NewTLS(t)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(recording{transport, s.dialed}),
		grpc.WithContextDialer(s.dialed.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReply), grpc.MaxCallSendMsgSize(maxReply)),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("replibuild"),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, q, r any, cc *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
			return call(withHeaders(ctx, c.Headers), method, q, r, cc, o...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(withHeaders(ctx, c.Headers), d, cc, method, o...)
		}),
	}
	conn, err := grpc.NewClient("passthrough:///"+host, options...)
	if err != nil {
		return nil, fault(remotewire.CauseConfig, "%v", err)
	}
	s.conn = conn
	s.ac, s.cas, s.bytes = re.NewActionCacheClient(conn), re.NewContentAddressableStorageClient(conn), bytestream.NewByteStreamClient(conn)
	s.exec = re.NewExecutionClient(conn)
	return s, nil
}

func (s *grpcServer) close() {
	s.conn.Close()
	s.packer.close()
}

func (s *grpcServer) fault(err error) error {
	if err == nil {
		return nil
	}
	return statusFault(err, s.dialed.get())
}

// metadataHeader is what the protocol has for telling who asks. Some servers insist on it.
const metadataHeader = "build.bazel.remote.execution.v2.requestmetadata-bin"

func withHeaders(ctx context.Context, headers map[string]string) context.Context {
	who := marshal(&re.RequestMetadata{ToolDetails: &re.ToolDetails{ToolName: "replibuild"}})
	ctx = metadata.AppendToOutgoingContext(ctx, metadataHeader, string(who))
	for name, value := range headers {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), value)
	}
	return ctx
}

// capabilities implements [server]. A server without the call is taken to be a plain cache.
func (s *grpcServer) capabilities(ctx context.Context) (remotewire.Capabilities, error) {
	reply, err := re.NewCapabilitiesClient(s.conn).GetCapabilities(ctx, &re.GetCapabilitiesRequest{InstanceName: s.config.Instance})
	switch status.Code(err) {
	case codes.OK:
	case codes.Unimplemented:
		reply = &re.ServerCapabilities{CacheCapabilities: &re.CacheCapabilities{ActionCacheUpdateCapabilities: &re.ActionCacheUpdateCapabilities{UpdateEnabled: true}}}
	case codes.NotFound, codes.InvalidArgument:
		s, _ := status.FromError(err)
		return remotewire.Capabilities{}, fault(remotewire.CauseInstance, "%s", firstLine(s.Message()))
	default:
		return remotewire.Capabilities{}, s.fault(err)
	}
	return s.accept(reply)
}

// accept keeps what a server can do that matters here.
func (s *grpcServer) accept(reply *re.ServerCapabilities) (remotewire.Capabilities, error) {
	c := reply.GetCacheCapabilities()
	if c == nil {
		return remotewire.Capabilities{}, fault(remotewire.CauseProtocol, "the server says that it is no cache")
	}
	if f := c.GetDigestFunctions(); len(f) > 0 && !slices.Contains(f, re.DigestFunction_SHA256) {
		return remotewire.Capabilities{}, fault(remotewire.CauseDigest, "the server has %v only", f)
	}
	s.batch = defaultBatch
	if most := c.GetMaxBatchTotalSizeBytes(); most > 0 && most < s.batch {
		s.batch = most
	}
	if s.config.Compression != "none" {
		s.zstdBytes = slices.Contains(c.GetSupportedCompressors(), re.Compressor_ZSTD)
		s.zstdBatch = slices.Contains(c.GetSupportedBatchUpdateCompressors(), re.Compressor_ZSTD)
	}
	s.mayUpdate = c.GetActionCacheUpdateCapabilities().GetUpdateEnabled()
	able := remotewire.Capabilities{Update: s.mayUpdate, Zstd: s.zstdBytes, Batch: s.batch, Execute: executes(reply)}
	if s.config.Execute && !able.Execute {
		return able, fault(remotewire.CauseExecution, "its capabilities have no execution with SHA-256")
	}
	return able, nil
}

// executes reports whether a server executes commands. Version 2.0 has one digest function, later
// ones have a list.
func executes(reply *re.ServerCapabilities) bool {
	e := reply.GetExecutionCapabilities()
	all := append(e.GetDigestFunctions(), e.GetDigestFunction())
	return e.GetExecEnabled() && slices.Contains(all, re.DigestFunction_SHA256)
}

// lookup implements [server].
func (s *grpcServer) lookup(ctx context.Context, timeout time.Duration, key remotewire.Digest, inline []string) (*value, error) {
	one, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.ac.GetActionResult(one, &re.GetActionResultRequest{
		InstanceName: s.config.Instance, ActionDigest: actionDigest(s.config.Instance, key),
		InlineStdout: true, InlineOutputFiles: inline, DigestFunction: re.DigestFunction_SHA256,
	})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, s.fault(err)
	}
	v, err := valueOf(r)
	if err != nil {
		return nil, err
	}
	return v, s.complete(ctx, timeout, v, r, inline)
}

// complete brings what did not come along with a result: the bytes beside the files, and
// the contents that were asked for.
func (s *grpcServer) complete(ctx context.Context, timeout time.Duration, v *value, r *re.ActionResult, inline []string) error {
	for i, o := range r.GetOutputFiles() {
		if len(o.GetContents()) > 0 {
			if err := v.setContents(i, o.GetContents()); err != nil {
				return err
			}
		}
	}
	missing := v.wanted(inline)
	want := make([]remotewire.File, 0, len(missing)+1)
	for _, i := range missing {
		want = append(want, v.files[i])
	}
	d := r.GetStdoutDigest()
	apart := len(v.meta) == 0 && d.GetSizeBytes() > 0
	if apart {
		meta := remotewire.File{Size: d.GetSizeBytes()}
		if err := meta.Digest.UnmarshalText([]byte(d.GetHash())); err != nil || meta.Size > maxMeta {
			return fault(remotewire.CauseDamaged, "a result names the output %q of %d bytes", d.GetHash(), meta.Size)
		}
		want = append(want, meta)
	}
	data, err := s.small(ctx, timeout, want)
	if err != nil {
		return err
	}
	for n, i := range missing {
		v.contents[i] = data[n]
	}
	if apart {
		v.meta = data[len(data)-1]
	}
	return nil
}

// lastError is how the last attempt to connect ended: gRPC passes on the text of an error
// only.
type lastError struct {
	mu  sync.Mutex
	err error
}

func (l *lastError) set(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *lastError) get() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *lastError) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	l.set(err)
	return conn, err
}

// recording keeps how a handshake ended.
type recording struct {
	credentials.TransportCredentials
	last *lastError
}

// ClientHandshake implements [credentials.TransportCredentials].
func (r recording) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, raw)
	r.last.set(err)
	return conn, info, err
}

// Clone implements [credentials.TransportCredentials].
func (r recording) Clone() credentials.TransportCredentials {
	return recording{r.TransportCredentials.Clone(), r.last}
}

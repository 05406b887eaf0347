package remotefake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/genproto/googleapis/bytestream"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// maxBatch is the limit that the capabilities name, in bytes.
const maxBatch = 1 << 20

type capabilities struct {
	re.UnimplementedCapabilitiesServer
	s *Server
}

// GetCapabilities implements [re.CapabilitiesServer].
func (c capabilities) GetCapabilities(ctx context.Context, q *re.GetCapabilitiesRequest) (*re.ServerCapabilities, error) {
	if err := c.s.begin(ctx, "GetCapabilities"); err != nil {
		return nil, err
	}
	if q.GetInstanceName() != c.s.options.Instance {
		return nil, status.Errorf(codes.InvalidArgument, "no instance %q", q.GetInstanceName())
	}
	hash := re.DigestFunction_SHA256
	if c.s.options.MD5 {
		hash = re.DigestFunction_MD5
	}
	return &re.ServerCapabilities{ExecutionCapabilities: &re.ExecutionCapabilities{DigestFunction: hash, ExecEnabled: c.s.options.Execution}, CacheCapabilities: &re.CacheCapabilities{
		DigestFunctions:               []re.DigestFunction_Value{hash},
		ActionCacheUpdateCapabilities: &re.ActionCacheUpdateCapabilities{UpdateEnabled: !c.s.options.NoUpdate},
		MaxBatchTotalSizeBytes:        maxBatch,
		SupportedCompressors:          []re.Compressor_Value{re.Compressor_ZSTD},
		SupportedBatchUpdateCompressors: []re.Compressor_Value{
			re.Compressor_ZSTD,
		},
	}}, nil
}

// instance checks what every request names.
func (s *Server) instance(name string) error {
	if name != s.options.Instance {
		return status.Error(codes.InvalidArgument, s.mistake("a request for the instance %q", name).Error())
	}
	return nil
}

type actionCache struct {
	re.UnimplementedActionCacheServer
	s *Server
}

// GetActionResult implements [re.ActionCacheServer].
func (a actionCache) GetActionResult(ctx context.Context, q *re.GetActionResultRequest) (*re.ActionResult, error) {
	if err := a.s.begin(ctx, "GetActionResult"); err != nil {
		return nil, err
	}
	if err := a.s.instance(q.GetInstanceName()); err != nil {
		return nil, err
	}
	r := a.s.result(q.GetActionDigest().GetHash())
	if r == nil {
		return nil, status.Error(codes.NotFound, "no such result")
	}
	for _, f := range r.GetOutputFiles() {
		const most = 3 << 20 // so that the message stays small
		if slices.Contains(q.GetInlineOutputFiles(), f.GetPath()) && !a.s.options.Plain && f.GetDigest().GetSizeBytes() < most {
			f.Contents, _ = a.s.get(f.GetDigest().GetHash())
		}
	}
	return r, nil
}

// UpdateActionResult implements [re.ActionCacheServer].
func (a actionCache) UpdateActionResult(ctx context.Context, q *re.UpdateActionResultRequest) (*re.ActionResult, error) {
	if err := a.s.begin(ctx, "UpdateActionResult"); err != nil {
		return nil, err
	}
	if err := a.s.instance(q.GetInstanceName()); err != nil {
		return nil, err
	}
	if d := q.GetActionDigest(); d.GetSizeBytes() < 100 || len(d.GetHash()) != 64 {
		return nil, status.Error(codes.InvalidArgument, a.s.mistake("%v is not the digest of an Action", d).Error())
	}
	if err := a.s.putResult(q.GetActionDigest().GetHash(), q.GetActionResult()); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return q.GetActionResult(), nil
}

type storage struct {
	re.UnimplementedContentAddressableStorageServer
	s *Server
}

// FindMissingBlobs implements [re.ContentAddressableStorageServer].
func (c storage) FindMissingBlobs(ctx context.Context, q *re.FindMissingBlobsRequest) (*re.FindMissingBlobsResponse, error) {
	if err := c.s.begin(ctx, "FindMissingBlobs"); err != nil {
		return nil, err
	}
	r := &re.FindMissingBlobsResponse{}
	for _, d := range q.GetBlobDigests() {
		if !c.s.has(d.GetHash()) {
			r.MissingBlobDigests = append(r.MissingBlobDigests, d)
		}
	}
	return r, c.s.instance(q.GetInstanceName())
}

// BatchUpdateBlobs implements [re.ContentAddressableStorageServer].
func (c storage) BatchUpdateBlobs(ctx context.Context, q *re.BatchUpdateBlobsRequest) (*re.BatchUpdateBlobsResponse, error) {
	if err := c.s.begin(ctx, "BatchUpdateBlobs"); err != nil {
		return nil, err
	}
	if proto.Size(q) > c.s.batch() {
		return nil, status.Error(codes.InvalidArgument, c.s.mistake("a batch of %d bytes", proto.Size(q)).Error())
	}
	r := &re.BatchUpdateBlobsResponse{}
	for _, one := range q.GetRequests() {
		data := one.GetData()
		if one.GetCompressor() == re.Compressor_ZSTD {
			data = unpack(data)
		}
		if err := c.s.put(one.GetDigest().GetHash(), one.GetDigest().GetSizeBytes(), data); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		r.Responses = append(r.Responses, &re.BatchUpdateBlobsResponse_Response{Digest: one.GetDigest(), Status: &rpc.Status{}})
	}
	return r, c.s.instance(q.GetInstanceName())
}

// batch is the limit for a batch in bytes.
func (s *Server) batch() int {
	if s.options.Plain {
		return 4 << 20 // that of gRPC
	}
	return maxBatch
}

// BatchReadBlobs implements [re.ContentAddressableStorageServer].
func (c storage) BatchReadBlobs(ctx context.Context, q *re.BatchReadBlobsRequest) (*re.BatchReadBlobsResponse, error) {
	if err := c.s.begin(ctx, "BatchReadBlobs"); err != nil {
		return nil, err
	}
	if c.s.options.Plain {
		return nil, status.Error(codes.Unimplemented, "no batches")
	}
	r := &re.BatchReadBlobsResponse{}
	var size int64
	for i, d := range q.GetDigests() {
		size += d.GetSizeBytes()
		one := &re.BatchReadBlobsResponse_Response{Digest: d, Status: &rpc.Status{}}
		data, ok := c.s.get(d.GetHash())
		switch {
		case !ok:
			one.Status.Code = int32(codes.NotFound)
		case i%2 == 0 && slices.Contains(q.GetAcceptableCompressors(), re.Compressor_ZSTD):
			one.Data, one.Compressor = pack(data), re.Compressor_ZSTD
		default:
			one.Data = data
		}
		r.Responses = append(r.Responses, one)
	}
	slices.Reverse(r.Responses) // the order is free
	if size > maxBatch {
		return nil, status.Error(codes.InvalidArgument, c.s.mistake("a batch of %d bytes was asked for", size).Error())
	}
	return r, c.s.instance(q.GetInstanceName())
}

type streams struct {
	bytestream.UnimplementedByteStreamServer
	s *Server
}

var (
	readName  = regexp.MustCompile(`^(?:(.+)/)?(blobs|compressed-blobs/zstd)/([0-9a-f]{64})/(\d+)$`)
	writeName = regexp.MustCompile(`^(?:(.+)/)?uploads/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/(blobs|compressed-blobs/zstd)/([0-9a-f]{64})/(\d+)$`)
)

// resource reads the name of a stream: whether it is compressed, and which blob it is.
func (s *Server) resource(form *regexp.Regexp, name string) (zstd bool, hash string, size int64, err error) {
	m := form.FindStringSubmatch(name)
	if m == nil || m[1] != s.options.Instance || m[2] != "blobs" && s.options.Plain {
		return false, "", 0, status.Error(codes.InvalidArgument, s.mistake("a stream with the name %q", name).Error())
	}
	size, _ = strconv.ParseInt(m[4], 10, 64)
	return m[2] != "blobs", m[3], size, nil
}

// Read implements [bytestream.ByteStreamServer].
func (b *streams) Read(q *bytestream.ReadRequest, stream bytestream.ByteStream_ReadServer) error {
	if err := b.s.begin(stream.Context(), "Read"); err != nil {
		return err
	}
	packed, hash, _, err := b.s.resource(readName, q.GetResourceName())
	if err != nil {
		return err
	}
	data, ok := b.s.get(hash)
	if !ok {
		return status.Error(codes.NotFound, "no such blob")
	}
	if packed {
		data = pack(data)
	}
	for again := true; again; again = b.s.options.Endless {
		for part := range slices.Chunk(data, 64<<10) {
			if err := stream.Send(&bytestream.ReadResponse{Data: part}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write implements [bytestream.ByteStreamServer].
func (b *streams) Write(stream bytestream.ByteStream_WriteServer) error {
	if err := b.s.begin(stream.Context(), "Write"); err != nil {
		return err
	}
	var name string
	var data []byte
	for finished := false; !finished; {
		q, err := stream.Recv()
		if err == io.EOF {
			return status.Error(codes.InvalidArgument, b.s.mistake("a stream that ends without finish_write").Error())
		}
		if err != nil {
			return err
		}
		if name == "" {
			name = q.GetResourceName()
		}
		if q.GetWriteOffset() != int64(len(data)) {
			return status.Error(codes.InvalidArgument, b.s.mistake("offset %d after %d bytes", q.GetWriteOffset(), len(data)).Error())
		}
		data, finished = append(data, q.GetData()...), q.GetFinishWrite()
	}
	packed, hash, size, err := b.s.resource(writeName, name)
	if err != nil {
		return err
	}
	committed := int64(len(data))
	if packed {
		data = unpack(data)
	}
	if err := b.s.put(hash, size, data); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return stream.SendAndClose(&bytestream.WriteResponse{CommittedSize: committed})
}

func pack(data []byte) []byte {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		panic(err) // no option can be wrong
	}
	_, _ = z.Write(data)
	z.Close()
	return out.Bytes()
}

func unpack(data []byte) []byte {
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	defer z.Close()
	all, err := io.ReadAll(z)
	if err != nil {
		return []byte(fmt.Sprint(err, strings.Repeat(" ", len(data)))) // has another digest
	}
	return all
}

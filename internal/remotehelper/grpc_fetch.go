package remotehelper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"time"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// fetch implements [server]. Small blobs come in batches, large ones in streams.
func (s *grpcServer) fetch(ctx context.Context, timeout time.Duration, files []remotewire.File, dir string) (moved, error) {
	if err := emptyFiles(dir, files); err != nil {
		return moved{}, err
	}
	batches := s.batches(distinct(files))
	var count counter
	err := parallel(ctx, len(batches), func(ctx context.Context, i int) error {
		return s.fetchBatch(ctx, timeout, batches[i], func(f remotewire.File, r io.Reader) error {
			return count.add(f, receive(dir, f, r))
		})
	})
	return count.moved(), err
}

// batches splits blobs into lists that are each transferred together: one large blob, or
// small ones that fit a message.
func (s *grpcServer) batches(files []remotewire.File) (all [][]remotewire.File) {
	limit := s.batch - min(batchSlack, s.batch/4)
	var open []remotewire.File
	var size int64
	for _, f := range files {
		switch {
		case f.Size+perBlob > limit:
			all = append(all, []remotewire.File{f})
			continue
		case size+f.Size+perBlob > limit:
			all = append(all, open)
			open, size = nil, 0
		}
		open, size = append(open, f), size+f.Size+perBlob
	}
	if len(open) > 0 {
		all = append(all, open)
	}
	return all
}

// large reports whether a list of [grpcServer.batches] is one blob too large for a message.
func (s *grpcServer) large(files []remotewire.File) bool {
	return len(files) == 1 && files[0].Size+perBlob > s.batch-min(batchSlack, s.batch/4)
}

// fetchBatch hands each blob of a batch to take, in any order, and returns the first error.
func (s *grpcServer) fetchBatch(ctx context.Context, timeout time.Duration, files []remotewire.File, take func(remotewire.File, io.Reader) error) error {
	if s.large(files) || s.singly.Load() {
		return s.fetchSingly(ctx, timeout, files, take)
	}
	q := &re.BatchReadBlobsRequest{InstanceName: s.config.Instance, DigestFunction: re.DigestFunction_SHA256}
	if s.zstdBytes {
		q.AcceptableCompressors = []re.Compressor_Value{re.Compressor_ZSTD}
	}
	var size int64
	for _, f := range files {
		q.Digests = append(q.Digests, protoDigest(f.Digest, f.Size))
		size += f.Size
	}
	one, cancel := within(ctx, timeout, size)
	defer cancel()
	r, err := s.cas.BatchReadBlobs(one, q)
	if status.Code(err) == codes.Unimplemented {
		s.singly.Store(true)
		return s.fetchSingly(ctx, timeout, files, take)
	}
	if err != nil {
		return s.fault(err)
	}
	return s.takeAll(files, r.GetResponses(), take)
}

// takeAll hands over the blobs of an answer. Each blob that was asked for must be there.
func (s *grpcServer) takeAll(files []remotewire.File, answers []*re.BatchReadBlobsResponse_Response, take func(remotewire.File, io.Reader) error) error {
	byHash := map[string]*re.BatchReadBlobsResponse_Response{}
	for _, a := range answers {
		byHash[a.GetDigest().GetHash()] = a
	}
	var first error
	for _, f := range files {
		if err := s.takeOne(f, byHash[f.Digest.String()], take); err != nil && (first == nil || severe(err) && !severe(first)) {
			first = err
		}
	}
	return first
}

func (s *grpcServer) takeOne(f remotewire.File, a *re.BatchReadBlobsResponse_Response, take func(remotewire.File, io.Reader) error) error {
	if a == nil {
		return fault(remotewire.CauseMissing, "the blob %s is not in the answer", f.Digest)
	}
	if code := codes.Code(a.GetStatus().GetCode()); code != codes.OK {
		return s.fault(status.Error(code, a.GetStatus().GetMessage()))
	}
	switch a.GetCompressor() {
	case re.Compressor_IDENTITY:
		return take(f, bytes.NewReader(a.GetData()))
	case re.Compressor_ZSTD:
		data, err := s.packer.unpack(a.GetData(), f.Size)
		if err != nil {
			return err
		}
		return take(f, bytes.NewReader(data))
	}
	return fault(remotewire.CauseProtocol, "the server sent a blob compressed by %v, which was not asked for", a.GetCompressor())
}

func (s *grpcServer) fetchSingly(ctx context.Context, timeout time.Duration, files []remotewire.File, take func(remotewire.File, io.Reader) error) error {
	var first error
	for _, f := range files {
		if err := s.fetchStream(ctx, timeout, f, take); err != nil {
			if severe(err) {
				return err
			}
			first = err
		}
	}
	return first
}

// fetchStream reads one blob of any size.
func (s *grpcServer) fetchStream(ctx context.Context, timeout time.Duration, f remotewire.File, take func(remotewire.File, io.Reader) error) error {
	if f.Size > s.config.MaxBlob {
		return fault(remotewire.CauseTooLarge, "the blob %s has %d bytes, more than max_blob", f.Digest, f.Size)
	}
	ctx, cancel := within(ctx, timeout, f.Size)
	defer cancel()
	form := "blobs"
	if s.zstdBytes {
		form = "compressed-blobs/zstd"
	}
	stream, err := s.bytes.Read(ctx, &bytestream.ReadRequest{ResourceName: path.Join(s.config.Instance, form, f.Digest.String(), fmt.Sprint(f.Size))})
	if err != nil {
		return s.fault(err)
	}
	r := &streamReader{next: stream.Recv, fault: s.fault}
	if s.zstdBytes {
		return decompress(r, func(r io.Reader) error { return take(f, r) })
	}
	return take(f, r)
}

// streamReader is a stream of messages as a reader.
type streamReader struct {
	next  func() (*bytestream.ReadResponse, error)
	fault func(error) error
	rest  []byte
}

// Read implements [io.Reader].
func (r *streamReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		m, err := r.next()
		if err == io.EOF {
			return 0, io.EOF
		}
		if err != nil {
			return 0, r.fault(err)
		}
		r.rest = m.GetData()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// small reads blobs that fit into one message into memory, in the order of files.
func (s *grpcServer) small(ctx context.Context, timeout time.Duration, files []remotewire.File) ([][]byte, error) {
	got := map[remotewire.Digest][]byte{}
	for _, batch := range s.batches(distinct(files)) {
		err := s.fetchBatch(ctx, timeout, batch, func(f remotewire.File, r io.Reader) error {
			data, err := checked(f, r)
			got[f.Digest] = data
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([][]byte, len(files))
	for i, f := range files {
		all[i] = got[f.Digest]
	}
	return all, nil
}

package remotehelper

import (
	"context"
	"crypto/rand"
	"encoding/hex"
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

// store implements [server]. The result is written last: where it is found, its blobs are there.
func (s *grpcServer) store(ctx context.Context, timeout time.Duration, key remotewire.Digest, files []remotewire.File, meta []byte) (moved, error) {
	if !s.mayUpdate {
		return moved{}, fault(remotewire.CauseReadOnly, "the server says that it takes no results")
	}
	missing, err := s.missing(ctx, timeout, distinct(files))
	if err != nil {
		return moved{}, err
	}
	batches := s.batches(missing)
	var count counter
	err = parallel(ctx, len(batches), func(ctx context.Context, i int) error {
		return s.storeBatch(ctx, timeout, batches[i], &count)
	})
	if err != nil {
		return count.moved(), err
	}
	one, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = s.ac.UpdateActionResult(one, &re.UpdateActionResultRequest{
		InstanceName: s.config.Instance, ActionDigest: actionDigest(s.config.Instance, key),
		ActionResult: resultOf(files, meta), DigestFunction: re.DigestFunction_SHA256,
	})
	return count.moved(), s.writeFault(err)
}

// writeFault says why something was not stored. A server without the call is read only.
func (s *grpcServer) writeFault(err error) error {
	if err == nil {
		return nil
	}
	f := statusFault(err, s.dialed.get())
	if status.Code(err) == codes.Unimplemented {
		f.Cause = remotewire.CauseReadOnly
	}
	return f
}

// missing returns the blobs that the server lacks.
func (s *grpcServer) missing(ctx context.Context, timeout time.Duration, files []remotewire.File) (absent []remotewire.File, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	q := &re.FindMissingBlobsRequest{InstanceName: s.config.Instance, DigestFunction: re.DigestFunction_SHA256}
	byHash := map[string]remotewire.File{}
	for _, f := range files {
		q.BlobDigests = append(q.BlobDigests, protoDigest(f.Digest, f.Size))
		byHash[f.Digest.String()] = f
	}
	one, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.cas.FindMissingBlobs(one, q)
	if err != nil {
		return nil, s.writeFault(err)
	}
	for _, d := range r.GetMissingBlobDigests() {
		if f, asked := byHash[d.GetHash()]; asked {
			absent = append(absent, f)
			delete(byHash, d.GetHash())
		}
	}
	return absent, nil
}

func (s *grpcServer) storeBatch(ctx context.Context, timeout time.Duration, files []remotewire.File, count *counter) error {
	if s.large(files) {
		return count.add(files[0], s.storeStream(ctx, timeout, files[0]))
	}
	q := &re.BatchUpdateBlobsRequest{InstanceName: s.config.Instance, DigestFunction: re.DigestFunction_SHA256}
	var size int64
	for _, f := range files {
		one, err := s.inBatch(f)
		if err != nil {
			return err
		}
		q.Requests = append(q.Requests, one)
		size += f.Size
	}
	one, cancel := within(ctx, timeout, size)
	defer cancel()
	r, err := s.cas.BatchUpdateBlobs(one, q)
	if err != nil {
		return s.writeFault(err)
	}
	for _, a := range r.GetResponses() {
		if code := codes.Code(a.GetStatus().GetCode()); code != codes.OK {
			return s.writeFault(status.Error(code, a.GetStatus().GetMessage()))
		}
	}
	for _, f := range files {
		_ = count.add(f, nil)
	}
	return nil
}

// inBatch is one blob of a batch.
func (s *grpcServer) inBatch(f remotewire.File) (*re.BatchUpdateBlobsRequest_Request, error) {
	data, err := readBlob(f)
	if err != nil {
		return nil, err
	}
	q := &re.BatchUpdateBlobsRequest_Request{Digest: protoDigest(f.Digest, f.Size), Data: data}
	if s.zstdBatch {
		if packed := s.packer.pack(data); len(packed) < len(data) {
			q.Data, q.Compressor = packed, re.Compressor_ZSTD
		}
	}
	return q, nil
}

// chunk is how many bytes of a stream go into one message.
const chunk = 512 << 10

// storeStream sends one blob of any size.
func (s *grpcServer) storeStream(ctx context.Context, timeout time.Duration, f remotewire.File) error {
	file, err := openBlob(f)
	if err != nil {
		return err
	}
	defer file.Close()
	var content io.Reader = newVerifying(file, f)
	form := "blobs"
	if s.zstdBytes {
		packed := compressing(content)
		defer packed.Close()
		content, form = packed, "compressed-blobs/zstd"
	}
	ctx, cancel := within(ctx, timeout, f.Size)
	defer cancel()
	stream, err := s.bytes.Write(ctx)
	if err != nil {
		return s.writeFault(err)
	}
	name := path.Join(s.config.Instance, "uploads", uuid(), form, f.Digest.String(), fmt.Sprint(f.Size))
	return s.send(stream, name, content, f.Size)
}

// send sends content in messages. The server may end the stream early: then it has the blob.
func (s *grpcServer) send(stream bytestream.ByteStream_WriteClient, name string, content io.Reader, size int64) error {
	buffer := make([]byte, chunk)
	for offset := int64(0); ; {
		n, err := io.ReadFull(content, buffer)
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return err // of this machine; leaving the stream cancels it
		}
		sending := stream.Send(&bytestream.WriteRequest{ResourceName: name, WriteOffset: offset, Data: buffer[:n], FinishWrite: last})
		name, offset = "", offset+int64(n)
		if sending == io.EOF || last {
			r, err := stream.CloseAndRecv()
			if err == nil && r.GetCommittedSize() != offset && r.GetCommittedSize() != size && r.GetCommittedSize() != -1 {
				return fault(remotewire.CauseServer, "the server kept %d of %d bytes", r.GetCommittedSize(), size)
			}
			return s.writeFault(err)
		}
		if sending != nil {
			return s.writeFault(sending)
		}
	}
}

// uuid names one upload.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

package remotehelper

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// maxWindow bounds the memory for one compressed blob, in bytes. It is what the format's
// levels up to 19 need at most.
const maxWindow = 8 << 20

// decompress hands what r holds in compressed form to take. It runs in this goroutine only:
// many streams are decompressed at a time.
func decompress(r io.Reader, take func(io.Reader) error) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	return take(decoder{z})
}

// decoder says of content that cannot be decompressed that it is damaged, and passes on the
// errors of what is beneath.
type decoder struct {
	zstd *zstd.Decoder
}

// Read implements [io.Reader].
func (d decoder) Read(p []byte) (int, error) {
	n, err := d.zstd.Read(p)
	if _, own := err.(*remotewire.Fault); err != nil && err != io.EOF && !own {
		err = fault(remotewire.CauseDamaged, "a blob cannot be decompressed: %v", err)
	}
	return n, err
}

// packer compresses and decompresses small blobs in memory. It may be used by many goroutines:
// making the tables of an encoder costs more than most blobs.
type packer struct {
	to   *zstd.Encoder
	from *zstd.Decoder
}

// maxSmall bounds what a blob of a batch can become, in bytes: batches are smaller.
const maxSmall = 2 * defaultBatch

func newPacker() (packer, error) {
	to, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return packer{}, err
	}
	from, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxSmall))
	return packer{to, from}, err
}

func (p packer) close() {
	p.to.Close()
	p.from.Close()
}

func (p packer) pack(data []byte) []byte { return p.to.EncodeAll(data, nil) }

// unpack decompresses what should be size bytes; whether it is has to be checked.
func (p packer) unpack(packed []byte, size int64) ([]byte, error) {
	data, err := p.from.DecodeAll(packed, make([]byte, 0, min(size, maxSmall)))
	if err != nil {
		return nil, fault(remotewire.CauseDamaged, "a blob cannot be decompressed: %v", err)
	}
	return data, nil
}

// compressing is what r holds in compressed form. Close ends the work.
func compressing(r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		z, err := zstd.NewWriter(in, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err == nil {
			if _, err = io.Copy(z, r); err == nil {
				err = z.Close()
			}
		}
		in.CloseWithError(err) // nil is the end
	}()
	return out
}

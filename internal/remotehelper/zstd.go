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
// many blobs are decompressed at a time.
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

// compress is data in compressed form.
func compress(data []byte) ([]byte, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.EncodeAll(data, nil), nil
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

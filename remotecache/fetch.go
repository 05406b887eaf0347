package remotecache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// Fetch writes the content of each file into dir, as a file that is named by the digest in
// hex ([File.Hex]) with mode 0600. Size and SHA-256 have been checked when a file has its
// name. With an error some are missing, and what was to be done with them has to be done
// without the remote cache; the others are there.
func (c *Client) Fetch(ctx context.Context, files []File, dir string) error {
	if c == nil {
		return errors.New("there is no remote cache")
	}
	absent, err := c.writeContents(files, dir)
	if err != nil || len(absent) == 0 {
		return err
	}
	return c.fetch(ctx, absent, dir)
}

func (c *Client) fetch(ctx context.Context, files []File, dir string) error {
	if most := largest(files); most > c.config.MaxBlob {
		return fmt.Errorf("a blob has %d bytes, more than max_blob (%d)", most, c.config.MaxBlob)
	}
	conn := c.use(ctx)
	if conn == nil {
		return fmt.Errorf("the remote cache %s is not in use", c.origin)
	}
	dir, err := filepath.Abs(dir) // the program's own folder may be another
	if err != nil {
		return err
	}
	r, _, err := c.link.call(ctx, conn, remotewire.Request{Op: remotewire.OpFetch, Timeout: c.config.Timeout, Files: toWire(files), Dir: dir})
	c.counts.fetched(r.Blobs, r.Bytes)
	if ctx.Err() == nil {
		c.failed(err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.origin, err)
	}
	return nil
}

// writeContents writes the files whose contents came along, and returns the others.
func (c *Client) writeContents(files []File, dir string) (absent []File, err error) {
	for _, f := range files {
		if f.Contents == nil {
			absent = append(absent, f)
			continue
		}
		if sha256.Sum256(f.Contents) != f.Digest {
			return nil, fmt.Errorf("the contents of %s are not those of its digest", f.Name)
		}
		if err := atomicfile.Write(filepath.Join(dir, f.Hex()), f.Contents); err != nil {
			return nil, err
		}
	}
	return absent, nil
}

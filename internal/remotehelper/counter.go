package remotehelper

import (
	"sync"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// counter counts the blobs of a transfer whose parts run at the same time.
type counter struct {
	mu  sync.Mutex
	sum moved
}

// add counts a blob unless its transfer failed, and returns that error.
func (c *counter) add(f remotewire.File, err error) error {
	if err == nil {
		c.mu.Lock()
		c.sum.blobs, c.sum.bytes = c.sum.blobs+1, c.sum.bytes+f.Size
		c.mu.Unlock()
	}
	return err
}

func (c *counter) moved() moved {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

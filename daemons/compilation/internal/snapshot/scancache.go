package snapshot

import (
	"os"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
)

// maxTexts bounds what is remembered: a scan of a header is some 300 bytes, and
// making it again takes as long as reading the file.
const maxTexts = 50_000

// ScanCache remembers what the text of files says, by content.
type ScanCache struct {
	mu    sync.Mutex
	known map[cache.Digest]*Scan
}

// NewScanCache makes an empty one.
func NewScanCache() *ScanCache { return &ScanCache{known: make(map[cache.Digest]*Scan)} }

// Scan returns what the text of a file says. A file that is not what the tree saw gives
// [ErrChanged].
func (t *ScanCache) Scan(v *Tree, path string) (*Scan, error) {
	sum, err := v.DigestOf(path)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	known := t.known[sum]
	t.mu.Unlock()
	if known != nil {
		return known, nil
	}
	text, err := os.ReadFile(v.Abs(path))
	if err != nil || cache.HashBytes(text) != sum {
		return nil, ErrChanged
	}
	known = ScanText(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxTexts {
		clear(t.known)
	}
	t.known[sum] = known
	return known, nil
}

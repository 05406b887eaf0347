package compilation

import (
	"os"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
)

// maxTexts bounds what is remembered: a scan of a header is some 300 bytes, and
// making it again takes as long as reading the file.
const maxTexts = 50_000

// texts remembers what the text of files says, by content.
type texts struct {
	mu    sync.Mutex
	known map[cache.Digest]*scanned
}

func newTexts() *texts { return &texts{known: make(map[cache.Digest]*scanned)} }

// of returns what the text of a file says. A file that is not what the view saw gives
// errChanged.
func (t *texts) of(v *view, path string) (*scanned, error) {
	sum, err := v.digestOf(path)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	known := t.known[sum]
	t.mu.Unlock()
	if known != nil {
		return known, nil
	}
	text, err := os.ReadFile(v.abs(path))
	if err != nil || cache.HashBytes(text) != sum {
		return nil, errChanged
	}
	known = scanText(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxTexts {
		clear(t.known)
	}
	t.known[sum] = known
	return known, nil
}

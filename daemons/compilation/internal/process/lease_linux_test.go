package process

import (
	"os"
	"path/filepath"
	"testing"
)

// Two services may find the same dead one, and remove its lease at the same time.
func TestLeaseIsRemovedByAnother(t *testing.T) {
	t.Parallel()
	about := filepath.Join(t.TempDir(), "x"+leaseAbout)
	if err := os.WriteFile(about, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := removeLease(about); err != nil {
			t.Error(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(about, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeLease(about); err == nil {
		t.Error("no error though it is still there")
	}
}

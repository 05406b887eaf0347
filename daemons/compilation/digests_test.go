package compilation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// The content of a file that was changed less than a tick ago is not remembered: another
// change within the tick may leave it the same signature.
func TestFreshFileIsNotTrusted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.h")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	sig := ipc.StatSignature(file)
	for _, tt := range []struct {
		age  time.Duration
		kept int
	}{{0, 0}, {minTick - 1, 0}, {-time.Hour, 0}, {minTick, 1}} {
		d := newDigests(0, func() time.Time { return time.Unix(0, sig.Ctime).Add(tt.age) })
		if _, got, err := d.of(file, sig); err != nil || got != sig {
			t.Fatal(err)
		}
		if n := len(d.snapshot()); n != tt.kept {
			t.Errorf("read %v after its change: %d pairs are kept, want %d", tt.age, n, tt.kept)
		}
	}
}

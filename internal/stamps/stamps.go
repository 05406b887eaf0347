package stamps

import (
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// Tick is the least age at which a change's time tells it from the next change, on
	// a file system that stamps with the kernel's clock: kernels before 6.13 stamp in
	// steps of up to 10 ms.
	Tick = 20 * time.Millisecond
	// Coarse is what Tick is too short by on all other file systems: FAT counts two
	// seconds.
	Coarse = 2 * time.Second
)

// Disks knows which file systems stamp finely. It remembers them by the number of their
// device, which another one may get after a mount: do not keep it for long. The zero
// value is ready, and safe for several goroutines.
type Disks struct {
	mu   sync.Mutex
	fine map[uint64]bool
}

// Latest returns the latest moment (ns since 1970) at which the file at path, which has
// a signature, may have been changed last.
func (d *Disks) Latest(path string, sig ipc.Signature) int64 {
	if d.IsCoarse(path, sig) {
		return sig.Ctime + int64(Coarse)
	}
	return sig.Ctime
}

// IsCoarse reports whether two changes within [Coarse] may leave a file one signature.
// One of a billion fine stamps has no nanoseconds either.
func (d *Disks) IsCoarse(path string, sig ipc.Signature) bool {
	return sig.Exists() && (sig.Ctime%int64(time.Second) == 0 || !d.isFine(path, sig.Dev))
}

// IsSettled reports whether a file with a signature had been left alone long enough at a
// moment (ns since 1970): a change after that moment gives it another signature. A file
// from the future has not.
func (d *Disks) IsSettled(path string, sig ipc.Signature, at int64) bool {
	return at-d.Latest(path, sig) >= int64(Tick)
}

// isFine asks the file system of path, which is on the device.
func (d *Disks) isFine(path string, device uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	fine, known := d.fine[device]
	if !known {
		if d.fine == nil {
			d.fine = map[uint64]bool{}
		}
		fine = stampsFinely(path)
		d.fine[device] = fine
	}
	return fine
}

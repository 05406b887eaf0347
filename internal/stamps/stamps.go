package stamps

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// Tick is the least age at which a change's time tells it from the next change, on
	// a file system that stamps with the kernel's clock: kernels before 6.13 stamp in
	// steps of up to 10 ms.
	Tick = 20 * time.Millisecond
	// Coarse is added to Tick on all other file systems: FAT counts two seconds.
	Coarse = 2 * time.Second
)

// Disks knows which file systems stamp finely. It remembers them by device number. After a
// mount another file system may have the number: do not keep a Disks for long. The zero
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

// IsFine reports whether the file system of path, on which a file has a signature, stamps with
// the kernel's clock.
func (d *Disks) IsFine(path string, sig ipc.Signature) bool { return d.isFine(path, sig.Dev) }

// IsSettled reports whether the last change of a file with a signature was long enough
// before a moment (ns since 1970) that a change after that moment gives another signature.
// It is false for a time in the future.
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

// Await waits until whatever changes, on a file system that stamps finely, is stamped later than
// at a moment (ns since 1970). It asks the clock itself: on a virtual machine of 4 ms a step the
// clock stood still for 8 ms. A moment in the future is not waited for. The error is the cause of
// ctx's end.
func Await(ctx context.Context, moment int64) error {
	for range 50 { // ms: more than any clock stands still
		if Now() > moment || moment > time.Now().UnixNano() {
			break
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

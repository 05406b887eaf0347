package compilation

import "time"

// clock tells moments as the file system stamps them.
type clock struct {
	tick   time.Duration // files changed less than this apart may have equal stamps
	coarse bool          // stamps come from the kernel's coarse clock, which we can read
}

// remoteTick is the tick of file systems with coarse or foreign stamps: FAT counts
// two seconds, a server's clock is not ours.
const remoteTick = 2 * time.Second

// now returns a moment (ns) such that whatever changes from here on is stamped at it
// or later.
func (c clock) now() int64 {
	if c.coarse {
		return coarseNow()
	}
	return time.Now().Add(-c.tick).UnixNano()
}

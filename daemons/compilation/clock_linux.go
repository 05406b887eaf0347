package compilation

import (
	"slices"

	"golang.org/x/sys/unix"
)

// localFileSystems stamp with the kernel's coarse clock, or finer (multigrain stamps,
// kernel 6.13), but never before it.
var localFileSystems = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC,
	unix.OVERLAYFS_SUPER_MAGIC, unix.RAMFS_MAGIC,
}

func newClock(root string) clock {
	var st unix.Statfs_t
	if unix.Statfs(root, &st) == nil && slices.Contains(localFileSystems, int64(st.Type)) {
		return clock{tick: minTick, coarse: true}
	}
	return clock{tick: remoteTick}
}

// coarseNow is the clock that stamps files: it stands still for up to 10 ms.
func coarseNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts); err != nil {
		return 0 // whatever has a stamp is newer: nothing would be trusted
	}
	return ts.Nano()
}

package stamps

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fineKinds are the file systems that stamp with the kernel's coarse clock, or finer
// (multigrain stamps, kernel 6.13), but never before it.
var fineKinds = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.F2FS_SUPER_MAGIC: true, unix.OVERLAYFS_SUPER_MAGIC: true,
}

// stampsFinely is true for a path that leads nowhere: there is nothing to doubt.
func stampsFinely(path string) bool {
	var st unix.Statfs_t
	err := unix.EINTR
	for err == unix.EINTR {
		err, _ = unix.Statfs(path, &st).(unix.Errno)
	}
	return err != 0 || fineKinds[int64(st.Type)&0xffffffff]
}

// Now returns a moment (ns since 1970) such that whatever changes from here on, on a file
// system that stamps finely, is stamped at it or later. It stands still for up to 10 ms.
func Now() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts) != nil {
		return 0 // whatever has a stamp is newer: nothing is trusted
	}
	return ts.Nano()
}

// Step returns how long [Now] stands still.
func Step() time.Duration {
	var step unix.Timespec
	if unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &step) != nil {
		return Tick
	}
	return min(time.Duration(step.Nano()), Tick)
}

// IsBeingWritten reports whether somebody has an open file open for writing, or mapped
// for writing. The kernel refuses a read lease then; it grants one to the file's owner
// and to root only, so the answer for files of others is no.
func IsBeingWritten(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	refused := false
	err = raw.Control(func(fd uintptr) {
		_, lease := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
		refused = lease == unix.EAGAIN
		if lease == nil {
			_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		}
	})
	return err == nil && refused
}

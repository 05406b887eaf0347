package cache

import (
	"os"

	"golang.org/x/sys/unix"
)

// maxBehind is how many files at most are freed and written to the disk in the
// background: a slow disk must not collect threads that wait for it.
const maxBehind = 16

// Replace gives the finished file tmp the name dst, in one step for all who look, and
// what had the name is gone. Renaming over a file makes ext4 begin to write the new
// content to the disk, so that it is there when the name is (auto_da_alloc, ext4(5)), and
// frees the blocks of the old: some 10 ms for an archive of 5 MB. Where both are files
// they change names instead, the old one is removed, and the rest is done behind the
// caller's back.
func (s *Store) Replace(tmp, dst string) error {
	old, err := os.OpenFile(dst, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return os.Rename(tmp, dst)
	}
	info, err := old.Stat()
	if err != nil || !info.Mode().IsRegular() ||
		unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, dst, unix.RENAME_EXCHANGE) != nil { // some file systems cannot
		old.Close()
		return os.Rename(tmp, dst)
	}
	_ = os.Remove(tmp) // what stays is swept as what the killed leave behind
	select {
	case s.behind <- struct{}{}:
		go func() {
			old.Close() // only now are its blocks freed
			writeOut(dst)
			<-s.behind
		}()
	default:
		old.Close()
	}
	return nil
}

// writeOut has the kernel begin to write a file to the disk. An error costs nothing that
// the next write-back does not do.
func writeOut(path string) {
	if f, err := openNoWait(path); err == nil {
		_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
		f.Close()
	}
}

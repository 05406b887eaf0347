package cache

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// clone makes dst share src's blocks; file systems that cannot say so.
func clone(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

func sign(path string) signature {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return signature{}
	}
	return signature{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
	}
}

func signFile(f *os.File) signature {
	info, err := f.Stat()
	if err != nil {
		return signature{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return signature{}
	}
	return signature{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
		regular: info.Mode().IsRegular(),
	}
}

// openNoWait opens a file for reading; a FIFO in its place does not stop us.
func openNoWait(path string) (*os.File, error) {
	return openFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}

// openFile is [os.OpenFile] for regular files: it does not ask whether the file can be waited
// for, which takes five calls of the system.
func openFile(path string, flags int, mode uint32) (*os.File, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

// notOurs says why a folder must not be trusted: another user who can write there could
// store a wrong object under a right key. It is "" for a folder of our own, and if there
// is none.
func notOurs(dir string) string {
	var st unix.Stat_t
	switch err := unix.Stat(dir, &st); {
	case err != nil:
		return ""
	case int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("%s belongs to user %d", dir, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Sprintf("%s can be written by others (mode %o)", dir, st.Mode&0o777)
	}
	return ""
}

// reserve is the space on a disk that the cache leaves free: a twentieth, at most 1 GiB.
// It is a share so that small disks (containers, tmpfs) can have a cache at all.
const reserve = 1 << 30

// roomFor returns an error when storing would take the last room of the disk.
func roomFor(dir string) error {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Blocks == 0 {
		return nil // not there yet, or does not say
	}
	free, all := st.Bavail*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	if free < min(reserve, all/20) {
		return fmt.Errorf("%w: only %d MB are left on the disk of %s", unix.ENOSPC, free>>20, dir)
	}
	return nil
}

// lockFile takes the lock on f if it is free.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

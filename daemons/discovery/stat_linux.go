package discovery

import (
	"os"

	"github.com/RepliBuild/replibuild/ipc"
	"golang.org/x/sys/unix"
)

// eventsTrusted says that events come in the order of what happened, so that a
// cookie proves that all earlier ones were seen.
const eventsTrusted = true

// fileStat is what one look at a path shows.
type fileStat struct {
	sig      ipc.Signature // [ipc.StatSignature], or [ipc.LinkSignature] of the path itself
	linked   bool          // the last component is a symbolic link, and was followed
	aliased  bool          // the file has other names (hard links)
	writable bool          // this user may change it
}

// plain reports whether every change of what was seen makes an event, if it is made by a
// name in this folder. That is so for a missing file, a regular file without other names,
// and a symbolic link itself, whose text never changes.
func (s fileStat) plain() bool {
	return !s.sig.Exists() || s.sig.IsRegular() && !s.aliased || s.sig.Mode&unix.S_IFMT == unix.S_IFLNK
}

// statFile looks at a name in a folder: one lstat, for links that are followed a stat
// besides.
func statFile(dir string, key fileKey) fileStat {
	return statAt(unix.AT_FDCWD, dir+"/"+key.base, key.link)
}

// statFiles looks at several names in a folder, which is found once: half the time for
// the paths of an average project.
func statFiles(dir string, keys []fileKey) []fileStat {
	out := make([]fileStat, len(keys))
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		for i, key := range keys {
			out[i] = statFile(dir, key)
		}
		return out
	}
	defer unix.Close(fd)
	for i, key := range keys {
		out[i] = statAt(fd, key.base, key.link)
	}
	return out
}

func statAt(fd int, path string, link bool) fileStat {
	st, ok := stat(fd, path, unix.AT_SYMLINK_NOFOLLOW)
	linked := ok && !link && st.Mode&unix.S_IFMT == unix.S_IFLNK
	if linked {
		st, ok = stat(fd, path, 0)
	}
	if !ok {
		return fileStat{linked: linked}
	}
	return fileStat{linked: linked, aliased: st.Nlink > 1, writable: mayWrite(&st), sig: ipc.Signature{
		Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size,
		Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Mode: st.Mode,
	}}
}

var user = os.Geteuid() // asked once: each question is a system call

// mayWrite reports whether this user may be able to change a file: its owner can make it
// writable, and root needs no permission.
func mayWrite(st *unix.Stat_t) bool {
	return user == 0 || int(st.Uid) == user || st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0
}

func stat(fd int, path string, flags int) (st unix.Stat_t, ok bool) {
	for {
		err := unix.Fstatat(fd, path, &st, flags)
		if err != unix.EINTR {
			return st, err == nil
		}
	}
}

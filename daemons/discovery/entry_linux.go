package discovery

import (
	"os"

	"golang.org/x/sys/unix"
)

// entryAt looks at a folder's entry itself, not at what it leads to.
func entryAt(path string) entry {
	var st unix.Stat_t
	err := unix.EINTR
	for err == unix.EINTR {
		err, _ = unix.Lstat(path, &st).(unix.Errno)
	}
	switch err {
	case 0:
	case unix.ENOENT, unix.ENOTDIR:
		return entry{kind: absent}
	default:
		return entry{kind: closed}
	}
	e := entry{kind: other, id: fileID{uint64(st.Dev), st.Ino}}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		e.kind = directory
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return entry{kind: closed}
		}
		e.kind, e.target = link, target
	}
	return e
}

package discovery

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// traits is what matters of the file system that a folder is on.
type traits struct {
	local    bool // every change made through any of its mounts on this machine makes an event
	layered  bool // overlayfs: local but for changes made behind it, in its layers
	caseless bool // a name may be found under another spelling
	kind     int64
}

// localKinds are the file systems that only this kernel writes to, by magic
// number (linux/magic.h, statfs(2)). Everything else is taken for remote: NFS, SMB,
// 9p, FUSE, virtiofs, vboxsf, proc, sysfs and whatever comes.
var localKinds = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.F2FS_SUPER_MAGIC: true,
	unix.NILFS_SUPER_MAGIC: true, unix.REISERFS_SUPER_MAGIC: true, unix.SQUASHFS_MAGIC: true,
	unix.EROFS_SUPER_MAGIC_V1: true, unix.ISOFS_SUPER_MAGIC: true, unix.MSDOS_SUPER_MAGIC: true,
	unix.EXFAT_SUPER_MAGIC: true, unix.UDF_SUPER_MAGIC: true,
	0x2fc12fc1:                true, // zfs
	unix.BCACHEFS_SUPER_MAGIC: true,
	0x3153464a:                true, // jfs
	0x7366746e:                true, // ntfs3
	0x482b:                    true, // hfsplus
}

// caselessKinds find foo.h as Foo.h.
var caselessKinds = map[int64]bool{
	unix.MSDOS_SUPER_MAGIC: true, unix.EXFAT_SUPER_MAGIC: true, 0x7366746e: true, 0x482b: true,
}

// casefold is FS_CASEFOLD_FL (linux/fs.h): ext4 and f2fs have it folder by folder.
const casefold = 0x40000000

func traitsOf(dir string) traits {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return traits{}
	}
	kind := int64(st.Type) & 0xffffffff
	t := traits{kind: kind, local: localKinds[kind], layered: kind == unix.OVERLAYFS_SUPER_MAGIC, caseless: caselessKinds[kind]}
	if kind == unix.EXT4_SUPER_MAGIC || kind == unix.F2FS_SUPER_MAGIC || kind == unix.TMPFS_MAGIC {
		t.caseless = folded(dir)
	}
	return t
}

// folded asks for the folder's own flag; a folder that cannot be asked counts as
// folding.
func folded(dir string) bool {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err == unix.ENOTTY || err == unix.EOPNOTSUPP {
		return false
	}
	return err != nil || flags&casefold != 0
}

// exhausted reports whether a watch was refused because the user has too many.
func exhausted(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) ||
		errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// watchLimits are the kernel's limits, for the user to read.
func watchLimits() string {
	const dir = "/proc/sys/fs/inotify/"
	return "fs.inotify.max_user_watches = " + firstLine(dir+"max_user_watches") +
		", fs.inotify.max_user_instances = " + firstLine(dir+"max_user_instances")
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

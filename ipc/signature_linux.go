package ipc

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func statSignature(path string) (Signature, error) { return signatureBy(unix.Stat, path) }

func linkSignature(path string) (Signature, error) { return signatureBy(unix.Lstat, path) }

// StatSignatureIn is [StatSignature] of a path that starts at an open folder.
func StatSignatureIn(folder int, path string) Signature {
	s, err := signatureBy(func(p string, st *unix.Stat_t) error { return unix.Fstatat(folder, p, st, 0) }, path)
	if err != nil {
		return Signature{}
	}
	return s
}

func signatureBy(stat func(string, *unix.Stat_t) error, path string) (Signature, error) {
	var st unix.Stat_t
	for {
		err := stat(path, &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Signature{}, err
		}
		return Signature{
			Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size,
			Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Mode: st.Mode,
		}, nil
	}
}

func signatureOf(fi fs.FileInfo) Signature {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return Signature{}
	}
	return Signature{
		Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size,
		Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Mode: st.Mode,
	}
}

func isDirMode(mode uint32) bool     { return mode&unix.S_IFMT == unix.S_IFDIR }
func isRegularMode(mode uint32) bool { return mode&unix.S_IFMT == unix.S_IFREG }
func isLinkMode(mode uint32) bool    { return mode&unix.S_IFMT == unix.S_IFLNK }

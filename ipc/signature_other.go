//go:build !linux

package ipc

import (
	"io/fs"
	"os"
)

// Elsewhere only the portable part of stat is used: no inode and no ctime, so the
// racy rule has to lean on mtime. `replibuild doctor` says so.
func statSignature(path string) (Signature, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Signature{}, err
	}
	return signatureOf(fi), nil
}

func linkSignature(path string) (Signature, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return Signature{}, err
	}
	return signatureOf(fi), nil
}

func signatureOf(fi fs.FileInfo) Signature {
	t := fi.ModTime().UnixNano()
	return Signature{Size: fi.Size(), Mtime: t, Ctime: t, Mode: uint32(fi.Mode())}
}

func isDirMode(mode uint32) bool     { return fs.FileMode(mode).IsDir() }
func isRegularMode(mode uint32) bool { return fs.FileMode(mode).IsRegular() }
func isLinkMode(mode uint32) bool    { return fs.FileMode(mode)&fs.ModeSymlink != 0 }

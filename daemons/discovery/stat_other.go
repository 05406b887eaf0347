//go:build !linux

package discovery

import (
	"io/fs"
	"os"

	"github.com/RepliBuild/replibuild/ipc"
)

// eventsTrusted is false: events of other systems are not ordered with a cookie's.
const eventsTrusted = false

// fileStat is what one look at a path shows.
type fileStat struct {
	sig      ipc.Signature // [ipc.StatSignature], or [ipc.LinkSignature] of the path itself
	linked   bool          // the last component is a symbolic link, and was followed
	aliased  bool          // not known here
	writable bool          // not known here
}

func (s fileStat) plain() bool { return false }

// statFile looks at a name in a folder.
func statFile(dir string, key fileKey) fileStat {
	path := dir + "/" + key.base
	fi, err := os.Lstat(path)
	if err != nil {
		return fileStat{}
	}
	if !key.link && fi.Mode()&fs.ModeSymlink != 0 {
		return fileStat{sig: ipc.StatSignature(path), linked: true}
	}
	return fileStat{sig: ipc.SignatureOf(fi)}
}

// statFiles looks at several names in a folder.
func statFiles(dir string, keys []fileKey) []fileStat {
	out := make([]fileStat, len(keys))
	for i, key := range keys {
		out[i] = statFile(dir, key)
	}
	return out
}

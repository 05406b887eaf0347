//go:build !linux

package discovery

import (
	"io/fs"
	"os"

	"github.com/RepliBuild/replibuild/ipc"
)

// eventsTrusted is false: events of other systems are not ordered with a cookie's.
const eventsTrusted = false

// sight is what one look at a path shows.
type sight struct {
	sig      ipc.Signature // [ipc.StatSignature], or [ipc.LinkSignature] of the path itself
	linked   bool          // the last component is a symbolic link, and was followed
	aliased  bool          // not known here
	writable bool          // not known here
}

func (s sight) plain() bool { return false }

// look looks at a name in a folder.
func look(dir string, key fileKey) sight {
	path := dir + "/" + key.base
	fi, err := os.Lstat(path)
	if err != nil {
		return sight{}
	}
	if !key.link && fi.Mode()&fs.ModeSymlink != 0 {
		return sight{sig: ipc.StatSignature(path), linked: true}
	}
	return sight{sig: ipc.SignatureOf(fi)}
}

// lookIn looks at several names in a folder.
func lookIn(dir string, keys []fileKey) []sight {
	out := make([]sight, len(keys))
	for i, key := range keys {
		out[i] = look(dir, key)
	}
	return out
}

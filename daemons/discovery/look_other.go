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
	sig     ipc.Signature // following links, as [ipc.StatSignature]
	linked  bool          // the last component is a symbolic link
	aliased bool          // not known here
}

func (s sight) plain() bool { return false }

// look looks at a path.
func look(path string) sight {
	fi, err := os.Lstat(path)
	if err != nil {
		return sight{}
	}
	linked := fi.Mode()&fs.ModeSymlink != 0
	if linked {
		return sight{sig: ipc.StatSignature(path), linked: true}
	}
	return sight{sig: ipc.SignatureOf(fi)}
}

// lookIn looks at several names in a folder.
func lookIn(dir string, bases []string) []sight {
	out := make([]sight, len(bases))
	for i, base := range bases {
		out[i] = look(dir + "/" + base)
	}
	return out
}

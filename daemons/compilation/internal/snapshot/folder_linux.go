package snapshot

import (
	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/ipc"
)

// minEntered is how many files have to be looked at in a folder before opening the folder
// pays: a look by a path of ten components takes twice as long as one from the folder itself,
// and opening takes as long as three looks.
const minEntered = 6

// lookedAt is a folder in which files are looked at one after the other.
type lookedAt struct {
	dir string // ends in a slash
	fd  int    // -1 if the folder is not open
}

// enterFolder begins looks at a number of files. A folder that cannot be opened is looked at
// by paths.
func enterFolder(dir string, looks int) lookedAt {
	fd := -1
	if looks >= minEntered {
		var err error
		if fd, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			fd = -1
		}
	}
	return lookedAt{dir, fd}
}

// sign returns the signature of a file in the folder.
func (l lookedAt) sign(name string) ipc.Signature {
	if l.fd < 0 {
		return ipc.StatSignature(l.dir + name)
	}
	return ipc.StatSignatureIn(l.fd, name)
}

// own returns the signature of the folder.
func (l lookedAt) own() ipc.Signature { return l.sign(".") }

func (l lookedAt) leave() {
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
}

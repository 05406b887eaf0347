package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxKnownMisses bounds the names that a [MissCache] remembers, some 30 MB.
const maxKnownMisses = 300_000

// MissCache remembers which names folders do not have. A compile misses a thousand names in a
// few dozen folders: as long as a folder has its signature, no name came to it. A folder
// whose last change is younger than a tick (two seconds, if its stamp is a whole second) is
// not remembered, nor one on a file system whose stamps come from elsewhere. A name that is there as a link to nothing is
// not remembered either: what it leads to may appear in another folder. The zero value is ready.
type MissCache struct {
	mu      sync.Mutex
	folders map[string]*lackingNames // by absolute path
	names   int
}

// lackingNames is what a folder with a signature does not have.
type lackingNames struct {
	sig   ipc.Signature
	names map[string]bool
}

// appeared returns a path of a miss that is there now, "" if none is. With the signature
// lacking the folder has none of the names; it is zero if that cannot be said of any. A name is
// empty where the folder itself was missed, with a slash behind it.
func (c *MissCache) appeared(v *Tree, m cache.Miss) (missed string, lacking ipc.Signature) {
	dir, now := v.Abs(m.Dir), time.Now().UnixNano()
	sig := ipc.StatSignature(dir)
	if !sig.Exists() {
		return "", lacking // nothing is beneath it
	}
	steady := sig.IsDir() && v.Disks.IsFine(dir, sig) && v.Disks.IsSettled(dir, sig, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	folder := c.folders[dir]
	if !steady || folder == nil || folder.sig != sig {
		folder = &lackingNames{sig: sig, names: make(map[string]bool)}
	}
	all := steady
	for _, name := range m.Names {
		if folder.names[name] {
			continue
		}
		path := Join(dir, name)
		if ipc.StatSignature(path).Exists() {
			return Join(m.Dir, name), lacking
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			folder.names[name] = true
			c.names++
		} else {
			all = false
		}
	}
	if steady {
		c.keep(dir, folder)
	}
	if all {
		lacking = sig
	}
	return "", lacking
}

// keep needs c.mu.
func (c *MissCache) keep(dir string, folder *lackingNames) {
	if c.folders == nil || c.names > maxKnownMisses {
		c.folders, c.names = make(map[string]*lackingNames), len(folder.names)
	}
	c.folders[dir] = folder
}

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
// whose last change is younger than a tick is not remembered, nor one on a file system
// whose stamps are coarse or come from elsewhere. A name that is there as a link to nothing is
// not remembered either: what it leads to may appear in another folder. The zero value is ready.
type MissCache struct {
	mu      sync.Mutex
	folders map[string]*lacking // by absolute path
	names   int
}

// lacking is what a folder with a signature does not have.
type lacking struct {
	sig   ipc.Signature
	names map[string]bool
}

// CompareStored is [Tree.CompareSet] for a set as the cache has it. Each folder is looked at now.
func (v *Tree) CompareStored(set cache.InputSet, known *MissCache) *Difference {
	for _, f := range set.Inputs {
		if d := v.CompareFile(v.Interner.PathNumber(f.Path), f.Digest); d != nil {
			return d
		}
	}
	for _, m := range set.Misses {
		if name := known.appeared(v, m); name != "" {
			return &Difference{Kind: ipc.CauseAppeared, Path: Join(m.Dir, name)}
		}
	}
	return v.CompareListings(set.Listings)
}

// appeared returns a name of a miss that is there now, "" if none is.
func (c *MissCache) appeared(v *Tree, m cache.Miss) string {
	dir, now := v.Abs(m.Dir), time.Now().UnixNano()
	sig := ipc.StatSignature(dir)
	if !sig.Exists() {
		return "" // nothing is beneath it
	}
	steady := sig.IsDir() && !v.Disks.IsCoarse(dir, sig) && v.Disks.IsSettled(dir, sig, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	folder := c.folders[dir]
	if !steady || folder == nil || folder.sig != sig {
		folder = &lacking{sig: sig, names: make(map[string]bool)}
	}
	for _, name := range m.Names {
		if folder.names[name] {
			continue
		}
		path := Join(dir, name)
		if ipc.StatSignature(path).Exists() {
			return name
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			folder.names[name] = true
			c.names++
		}
	}
	if steady {
		c.keep(dir, folder)
	}
	return ""
}

// keep needs c.mu.
func (c *MissCache) keep(dir string, folder *lacking) {
	if c.folders == nil || c.names > maxKnownMisses {
		c.folders, c.names = make(map[string]*lacking), len(folder.names)
	}
	c.folders[dir] = folder
}

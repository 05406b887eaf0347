package compilation

import (
	"sync"

	"github.com/RepliBuild/replibuild/internal/gcc"
	"github.com/RepliBuild/replibuild/ipc"
)

// gccDrivers remembers which program files are drivers of gcc. Setup knows of the one
// that it calls itself, but not of those behind wrappers. The zero value is ready.
type gccDrivers struct {
	mu    sync.Mutex
	known map[string]gccDriver // by path
}

type gccDriver struct {
	sig ipc.Signature
	is  bool
}

func (d *gccDrivers) is(program string) bool {
	sig := ipc.StatSignature(program)
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.known[program]
	if ok && known.sig == sig {
		return known.is
	}
	if d.known == nil {
		d.known = make(map[string]gccDriver)
	}
	is := gcc.IsDriver(program)
	d.known[program] = gccDriver{sig, is}
	return is
}

package daemons

import "runtime/debug"

// idleMemory returns unused memory to the system when the requests have ended: Go's own
// scavenger takes minutes for that, and leaves a fifth.
type idleMemory struct {
	seen  uint64 // requests at the last look
	freed uint64 // requests when memory was freed last
}

// look is called from time to time with the number of requests so far.
func (r *idleMemory) look(requests uint64) {
	if requests == r.seen && requests != r.freed {
		debug.FreeOSMemory()
		r.freed = requests
	}
	r.seen = requests
}

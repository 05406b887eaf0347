package remotecache

import (
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

const (
	threshold = 3                // failures in a row that turn a server off
	pause     = 30 * time.Second // until it is tried again
)

// breaker turns a server off after some failures in a row. It has no lock of its own.
type breaker struct {
	failures int
	until    time.Time         // off until then; the zero time: on
	fault    *remotewire.Fault // why it is off
}

// succeeded forgets the failures before.
func (b *breaker) succeeded() { *b = breaker{} }

// failed counts a failure and reports whether it turned the server off.
func (b *breaker) failed(f *remotewire.Fault, now time.Time) bool {
	b.failures++
	if b.failures < threshold && !decisive(f.Cause) || !b.until.IsZero() {
		return false
	}
	b.until, b.fault = now.Add(pause), f
	return true
}

// off reports whether the server is off, and whether it is time to try it again.
func (b *breaker) off(now time.Time) (off, due bool) {
	return !b.until.IsZero(), !now.Before(b.until)
}

// tryAgain turns the server on; one more failure turns it off again.
func (b *breaker) tryAgain() { *b = breaker{failures: threshold - 1} }

// decisive reports whether a cause will not go away by asking again at once.
func decisive(cause string) bool {
	switch cause {
	case remotewire.CauseTimeout, remotewire.CauseServer, remotewire.CauseDamaged, remotewire.CauseProtocol, remotewire.CauseRefused, remotewire.CauseWorker:
		return false
	}
	return true
}

// harmless reports whether a fault says nothing against the server.
func harmless(f *remotewire.Fault) bool {
	return f != nil && (f.Cause == remotewire.CauseMissing || f.Cause == remotewire.CauseTooLarge || f.Cause == remotewire.CauseLocal)
}

package discovery

import (
	"cmp"
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"
)

// gathering is how long events may gather in the kernel's queue (16,384 by default) while
// no Sync waits for them. A compiler that writes makes an event every few hundred
// microseconds, and waking up for each costs more than handling it.
const gathering = 8 * time.Millisecond

// yields is how often the goroutine of fsnotify may run before the queue counts as empty:
// fsnotify sends the events that it has read one by one.
const yields = 3

// ready returns an event that is there, without waiting for one.
func ready(events <-chan fsnotify.Event) (e fsnotify.Event, ok bool) {
	for range yields {
		select {
		case e, ok = <-events:
			return e, ok
		default:
			runtime.Gosched()
		}
	}
	return e, false
}

// coalesce returns when events have had time to gather, at once while a Sync waits for its
// cookie.
func (s *Service) coalesce() {
	s.counts.bursts.Add(1)
	hurry := s.cookies.hurried()
	if hurry == nil {
		return
	}
	select {
	case <-time.After(cmp.Or(s.cfg.gathering, gathering)):
	case <-hurry:
	case <-s.ctx.Done():
	}
}

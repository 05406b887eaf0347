package discovery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/rootid"
)

// cookieLimit is how long a Sync waits for its own event; it usually takes 80 µs. The
// alternative, looking at everything, costs some 50 ms for 10,000 units.
const cookieLimit = time.Second

// cookies are files that Syncs write. When the event of a cookie arrives, all earlier
// events have been handled.
type cookies struct {
	dir *dirNode // the folder; nil: there are no events

	mu      sync.Mutex
	waiting map[string]chan struct{}
	hurry   chan struct{} // closed when the next Sync begins to wait; nil if nothing waits for that
	next    uint64
	prefix  string
}

// hurried returns what is closed when a Sync begins to wait for its cookie, nil if one
// does already.
func (c *cookies) hurried() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		return nil
	}
	if c.hurry == nil {
		c.hurry = make(chan struct{})
	}
	return c.hurry
}

func (c *cookies) expect() (base string, seen chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		var b [6]byte
		rand.Read(b[:])
		c.waiting, c.prefix = map[string]chan struct{}{}, hex.EncodeToString(b[:])+"-"
	}
	c.next++
	base = c.prefix + hex.EncodeToString([]byte{byte(c.next >> 24), byte(c.next >> 16), byte(c.next >> 8), byte(c.next)})
	seen = make(chan struct{})
	c.waiting[base] = seen
	if c.hurry != nil {
		close(c.hurry)
		c.hurry = nil
	}
	return base, seen
}

func (c *cookies) forget(base string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, base)
}

// arrive ends the wait for a cookie whose event came.
func (c *cookies) arrive(base string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen := c.waiting[base]; seen != nil {
		close(seen)
		delete(c.waiting, base)
	}
}

// pick makes another event for each cookie that is waited for, because its first event
// came before the folder was watched. The cookie must not count as seen: earlier changes
// may still be in the queue.
func (c *cookies) pick() {
	c.mu.Lock()
	var names []string
	for base := range c.waiting {
		names = append(names, base)
	}
	c.mu.Unlock()
	for _, base := range names {
		os.Chmod(c.dir.abs+"/"+base, 0o600) // fails if it is not there yet
	}
}

// routeCookies watches the folder of the cookies.
func (s *Service) routeCookies() {
	if s.watches == nil {
		return
	}
	rootid.MakeFolder(s.cfg.CookieDir)
	s.lead(s.cookies.dir)
	delete(s.looseAt, s.cookies.dir)
	s.cookies.pick()
}

// sweepCookies removes what a process that was killed has left.
func (s *Service) sweepCookies() {
	entries, _ := os.ReadDir(s.cfg.CookieDir)
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > time.Minute {
			os.Remove(filepath.Join(s.cfg.CookieDir, e.Name()))
		}
	}
}

// byEvents reports whether a Sync may rest on events at all.
func (s *Service) byEvents() bool {
	return s.cfg.Watch && eventsTrusted && s.cfg.Verify != verifyStat
}

// awaitCookie returns true when all events from before the call have been handled. It
// calls meanwhile once, after it has written the cookie.
func (s *Service) awaitCookie(ctx context.Context, meanwhile func()) bool {
	limit := s.cfg.cookieWait
	if limit == 0 {
		limit = cookieLimit
	}
	base, seen := s.cookies.expect()
	defer s.cookies.forget(base)
	path := filepath.Join(s.cfg.CookieDir, base)
	if !writeCookie(path) {
		return false
	}
	defer os.Remove(path)
	meanwhile()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-seen:
		return true
	case <-timeout.C:
		s.counts.cookieTimeouts.Add(1)
		s.log.Warn("a cookie's event did not come; looking at every file", "cookie", path, "waited", limit)
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

func writeCookie(path string) bool {
	for range 2 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return f.Close() == nil
		}
		if rootid.MakeFolder(filepath.Dir(path)) != nil {
			return false
		}
	}
	return false
}

package compilation

import (
	"context"
	"sync/atomic"
	"time"
)

// An action that a server is asked for has its place in the line meanwhile. Here it is decided
// whether it waits for the answer when its turn comes. It waits while the server is of use:
// compiles that begin then take the processor from the look-ups. If the server has brought
// nothing for a while the compile begins in the free slot, whatever the answer will be.

// patienceShare is which part of the time-out of a look-up a free slot waits for a server that
// brings nothing: 75 ms of 300. A server in reach answers the first call in less, and each answer
// that helps has the slot wait anew.
const patienceShare = 4

// claim says who brings an action about, which is decided once: the look-up that has found a
// result, or the compile that begins. A nil claim is that of a look-up without a compile beside it.
type claim struct {
	taken atomic.Bool
	found chan struct{} // closed when the look-up has found a result
	mine  bool          // of the look-up's goroutine: it has found one
	known bool          // of the same: the server knows the action, if not with these inputs
}

// open notes that the server knows the action, and reports whether its answer can be of use.
func (c *claim) open() bool {
	if c == nil {
		return true
	}
	c.known = true
	return c.mine || !c.taken.Load()
}

// take is called by the look-up before it fetches a result. It returns false if the compile has begun.
func (c *claim) take() bool {
	if c == nil || c.mine {
		return true
	}
	c.mine = c.taken.CompareAndSwap(false, true)
	if c.mine {
		close(c.found)
	}
	return c.mine
}

// begin is called before the compile begins. It returns false if the look-up has found a result.
func (c *claim) begin() bool { return c.taken.CompareAndSwap(false, true) }

// server is the server that is asked, nil if there is none.
func (w *work) server() *remoteTier {
	for _, t := range w.tiers {
		if r, is := t.(*remoteTier); is {
			return r
		}
	}
	return nil
}

// askServer asks the server for an action that has a place in the line. Without a result it
// returns the place for what makes the action: late says that the server was not waited for.
// Then the look-up goes on beside the compile, so that what it says of the server counts.
func (w *work) askServer(ctx context.Context, t *attempt, at *place) (r *result, _ *place, late bool) {
	from, c, found := w.server(), &claim{found: make(chan struct{})}, make(chan *result, 1)
	go func() {
		r := w.lookupTiers(ctx, t, true, c)
		if r == nil && !c.mine && !c.known && ctx.Err() == nil {
			w.s.tiers.noteMade(w.root, t.outputs)
		}
		found <- r
	}()
	since, waited := time.Now(), func(useful bool) {}
	for held := false; ; {
		turn, patience := at.turn(), time.Duration(0)
		if turn == nil {
			if patience = from.patience(since); patience <= 0 && c.begin() {
				waited(false)
				return nil, at, true
			}
			if !held {
				held, waited = true, from.client.Waits()
			}
		}
		select {
		case r = <-found:
			waited(r != nil)
			if r != nil {
				at.giveUp()
			}
			return r, at, false
		case <-c.found: // others may have the slot while its files are fetched
			waited(true)
			at.giveUp()
			if r = <-found; r == nil {
				at = w.line(t.action, t.rec)
			}
			return r, at, false
		case <-turn:
		case <-after(turn == nil, patience):
		}
	}
}

// after is a timer if one is wanted.
func after(wanted bool, d time.Duration) <-chan time.Time {
	if !wanted {
		return nil
	}
	return time.After(d)
}

// patience is how long an action that has been asked for since a time still waits for the
// server, if nothing comes.
func (r *remoteTier) patience(since time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.helped.After(since) {
		since = r.helped
	}
	return r.client.Timeout()/patienceShare - time.Since(since)
}

// helps notes that the server is of use.
func (r *remoteTier) helps() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.helped = time.Now()
}

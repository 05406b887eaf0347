package ipc

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func started(n int) Event { return NewEvent("b", UnitStarted{File: "x", Expected: float64(n)}) }

// TestHubOrder: each subscriber gets a snapshot and then, without a gap, every later
// event in order.
func TestHubOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub()
		snapshot := func() Event { return NewEvent("", Snapshot{}) }
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		for i := range 5 {
			for range 10 * i {
				h.Publish(started(0))
			}
			done.Go(func() {
				var last uint64
				first := true
				err := h.Subscribe(ctx, snapshot, nil, func(e Event) {
					_, fresh := e.Body.(Snapshot)
					if fresh != first || !first && e.Seq != last+1 {
						t.Errorf("subscriber %d: event %d (%s) after %d", i, e.Seq, e.Name, last)
					}
					first, last = false, e.Seq
				})
				if !errors.Is(err, context.Canceled) || last != 150 {
					t.Errorf("subscriber %d: last event %d, %v", i, last, err)
				}
			})
			synctest.Wait()
		}
		for range 50 {
			h.Publish(started(0))
		}
		synctest.Wait()
		cancel()
		done.Wait()
		if len(h.subs) != 0 {
			t.Errorf("%d subscribers are left", len(h.subs))
		}
	})
}

// TestHubOverflow: a subscriber that falls behind gets a new snapshot, numbered as
// the last event that it stands for, and goes on after it; the publisher never waits.
func TestHubOverflow(t *testing.T) {
	for _, withSnapshot := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h := NewHub()
			var snapshot func() Event
			wantName := "notice"
			if withSnapshot {
				snapshot = func() Event { return NewEvent("", Snapshot{}) }
				wantName = "snapshot"
			}
			ctx, cancel := context.WithCancel(t.Context())
			stuck, release := make(chan struct{}), make(chan struct{})
			var got []Event
			result := make(chan error)
			go func() {
				result <- h.Subscribe(ctx, snapshot, nil, func(e Event) {
					if got = append(got, e); e.Seq == 1 {
						close(stuck)
						<-release
					}
				})
			}()
			synctest.Wait()
			h.Publish(started(1))
			<-stuck
			for range hubQueue + 10 {
				h.Publish(started(0))
			}
			close(release)
			synctest.Wait()
			h.Publish(started(2))
			synctest.Wait()
			cancel()
			<-result
			if withSnapshot {
				got = got[1:] // the first one
			}
			if len(got) != 3 || got[1].Name != wantName || got[1].Seq != hubQueue+11 || got[2].Seq != hubQueue+12 {
				t.Errorf("got %d events: %v", len(got), got)
			}
		})
	}
}

func TestHubKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub()
		ctx, cancel := context.WithCancel(t.Context())
		var names []string
		result := make(chan error)
		go func() {
			result <- h.Subscribe(ctx, nil, []string{"notice"}, func(e Event) { names = append(names, e.Name) })
		}()
		synctest.Wait()
		for range hubQueue + 1 { // these do not fill the queue of one who did not ask for them
			h.Publish(started(0))
		}
		h.Publish(NewEvent("", Notice{Code: "x"}))
		synctest.Wait()
		cancel()
		<-result
		if got := strings.Join(names, " "); got != "notice" {
			t.Errorf("got %q", got)
		}
		err := h.Subscribe(t.Context(), nil, []string{"notise"}, nil)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeBadRequest || !strings.Contains(e.Hint, `"notice"`) {
			t.Errorf("unknown kind: %v", err)
		}
	})
}

// TestSubscribeOverWire: the generic subscription of a daemon.
func TestSubscribeOverWire(t *testing.T) {
	t.Parallel()
	hub := NewHub()
	s := serve(t, ServerConfig{Hub: hub, Snapshot: func() Event { return NewEvent("", FilesChanged{Generation: 3}) }}, nil)
	c := NewDiscoveryClient(dialer(s.ep))
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var got []Event
	err := c.Subscribe(ctx, SubscribeRequest{Events: []string{"files_changed"}}, func(e Event) {
		got = append(got, e)
		switch len(got) {
		case 1:
			hub.Publish(NewEvent("", FilesChanged{Generation: 4, Paths: []string{"a.h"}}))
		case 2:
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(got) != 2 || got[1].Body.(FilesChanged).Paths[0] != "a.h" || got[1].Seq != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	eventually(t, "the server has noticed", func() bool { return s.Idle() > 0 })
	none := serve(t, ServerConfig{}, nil)
	if err := compilationClient(t, none.ep).Subscribe(t.Context(), SubscribeRequest{}, nil); CodeOf(err) != CodeUnavailable {
		t.Errorf("without a hub: %v", err)
	}
}

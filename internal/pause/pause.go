// Package pause waits for a time or until a context ends, and wakes goroutines that wait.
package pause

import (
	"context"
	"time"
)

// For waits for d, and returns the error of ctx if that ends first.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wake wakes the goroutine that waits on c, a channel with room for one. It never blocks:
// if c is full, the goroutine is going to wake up anyway.
func Wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Quiet waits until nothing was sent to c for d, at the latest until limit has passed. It
// returns the error of ctx if that ends first.
func Quiet(ctx context.Context, c <-chan struct{}, d, limit time.Duration) error {
	latest := time.NewTimer(limit)
	defer latest.Stop()
	quiet := time.NewTimer(d)
	defer quiet.Stop()
	for {
		select {
		case <-c:
			quiet.Reset(d)
		case <-quiet.C:
			return nil
		case <-latest.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

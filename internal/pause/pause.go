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

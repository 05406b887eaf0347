package remotehelper

import (
	"context"
	"sync"
)

// streams is how many transfers of one request run at a time. They share one connection, so
// more of them hide the latency only.
const streams = 8

// parallel does n parts of a transfer. After a severe fault it begins no more and stops what
// is under way. It returns the most telling error: a severe one, else the first.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		next    int
		first   error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == n || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	done := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil || first != nil && (severe(first) || !severe(err)) {
			return
		}
		first = err
		if severe(err) {
			cancel()
		}
	}
	for range min(n, streams) {
		running.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				done(do(ctx, i))
			}
		})
	}
	running.Wait()
	if first == nil && next < n {
		return context.Cause(ctx)
	}
	return first
}

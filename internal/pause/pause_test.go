package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := For(t.Context(), time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends: %v", err)
		}
		if err := For(ctx, 0); err == nil {
			t.Error("no error though the context had ended")
		}
	})
}

func TestWake(t *testing.T) {
	t.Parallel()
	c := make(chan struct{}, 1)
	Wake(c)
	Wake(c) // does not block
	<-c
	select {
	case <-c:
		t.Error("woken twice")
	default:
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := make(chan struct{}, 1)
		go func() {
			for range 3 {
				time.Sleep(5 * time.Second)
				Wake(c)
			}
		}()
		begin := time.Now()
		if err := Quiet(t.Context(), c, 6*time.Second, time.Minute); err != nil || time.Since(begin) != 21*time.Second {
			t.Errorf("%v after %v, want it 6s after the last change, which is after 15s", err, time.Since(begin))
		}
		begin = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				time.Sleep(time.Second)
				Wake(c)
			}
		}()
		if err := Quiet(ctx, c, 6*time.Second, time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v of changes without end", err, time.Since(begin))
		}
		cancel()
		time.Sleep(2 * time.Second) // the goroutine has ended
		if err := Quiet(ctx, c, time.Hour, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that ended: %v", err)
		}
	})
}

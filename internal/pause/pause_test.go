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

package oracle

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
)

// eachSeed makes ORACLE_STEPS steps in worlds of the seeds ORACLE_SEED and after, each steps in a
// world. Without ORACLE_STEPS it makes short steps, shortEach in a world. atOnce bounds how many
// worlds run at a time; 0 leaves that to `go test`.
func eachSeed(t *testing.T, short, shortEach, each, atOnce int, run func(t *testing.T, seed uint64, steps int)) {
	t.Helper()
	steps := number(t, "ORACLE_STEPS", 0)
	if steps == 0 {
		steps, each = short, shortEach
	}
	first := uint64(number(t, "ORACLE_SEED", 1))
	limit := make(chan struct{}, max(1, atOnce))
	for i := 0; steps > 0; i++ {
		n, seed := min(each, steps), first+uint64(i)
		steps -= n
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			if atOnce > 0 {
				limit <- struct{}{}
				defer func() { <-limit }()
			}
			run(t, seed, n)
		})
	}
}

// drawn draws one of n things by their weights, and returns its number. intn gives a random number
// below its argument.
func drawn(intn func(int) int, n int, weight func(i int) int) int {
	total := 0
	for i := range n {
		total += weight(i)
	}
	left := intn(total)
	for i := range n {
		if left -= weight(i); left < 0 {
			return i
		}
	}
	panic("the weights changed")
}

// counted sums what the worlds of a run have done. All fields of C are of type int.
type counted[C any] struct {
	mu  sync.Mutex
	sum C
}

func (s *counted[C]) add(c C) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, more := reflect.ValueOf(&s.sum).Elem(), reflect.ValueOf(c)
	for i := range more.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + more.Field(i).Int())
	}
}

package compilation

import "sync"

// turns lets what is decided by several workers at once be done in order: a turn comes
// when all before it have passed.
type turns struct {
	mu     sync.Mutex
	passed []bool
	next   int           // the first that has not passed
	moved  chan struct{} // closed when next has grown
}

func newTurns(n int) *turns {
	return &turns{passed: make([]bool, n), moved: make(chan struct{})}
}

// await returns when it is i's turn. All before i must be on their way.
func (t *turns) await(i int) {
	for {
		t.mu.Lock()
		next, moved := t.next, t.moved
		t.mu.Unlock()
		if next >= i {
			return
		}
		<-moved
	}
}

// pass ends i's turn, or does without it.
func (t *turns) pass(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed[i] = true
	before := t.next
	for t.next < len(t.passed) && t.passed[t.next] {
		t.next++
	}
	if t.next > before {
		close(t.moved)
		t.moved = make(chan struct{})
	}
}

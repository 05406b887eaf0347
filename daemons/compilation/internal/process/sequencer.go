package process

import "sync"

// Sequencer puts the decisions of concurrent workers in order: the turn of a number comes
// when all numbers before it have passed.
type Sequencer struct {
	mu     sync.Mutex
	passed []bool
	next   int           // the first that has not passed
	moved  chan struct{} // closed when next has grown
}

// NewSequencer makes a sequencer for the numbers from 0 to n-1.
func NewSequencer(n int) *Sequencer {
	return &Sequencer{passed: make([]bool, n), moved: make(chan struct{})}
}

// Await returns when it is i's turn. All before i must be on their way.
func (t *Sequencer) Await(i int) {
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

// Pass ends i's turn, or does without it.
func (t *Sequencer) Pass(i int) {
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

//go:build !linux

package preload

import (
	"context"
	"fmt"
	"os"
)

// Build reports that there is no preloading here.
func (b Builder) Build(context.Context, string) (Library, error) {
	return Library{}, fmt.Errorf("build the tracer: %w", ErrUnsupported)
}

// Client reports that there is no thin client here.
func (b Builder) Client(context.Context, string) (string, error) {
	return "", fmt.Errorf("build the thin client: %w", ErrUnsupported)
}

// TryObserver reports that there is no second observer here.
func (b Builder) TryObserver(context.Context) error {
	return fmt.Errorf("start the second observer: %w", ErrUnsupported)
}

// Prebuild reports that there is no preloading here.
func Prebuild(context.Context, string, []string) error {
	return fmt.Errorf("build the tracer: %w", ErrUnsupported)
}

// For returns the library; there is no other observer here.
func (l Library) For(string) Library { return l }

// Trace is a recording; there are none here.
type Trace struct{ name string }

// NewTrace reports that there is no tracing here.
func NewTrace() (*Trace, error) { return nil, fmt.Errorf("make trace: %w", ErrUnsupported) }

// Close does nothing.
func (t *Trace) Close() error { return nil }

// Programs returns nothing.
func (r *Reader) Programs(*Trace) []string { return nil }

// Observe says that nothing was recorded.
func (r *Reader) Observe(*Trace, []string, map[string]bool) Observation {
	return newLedger().observation(nil, func(string) (Stamp, bool) { return Stamp{}, false }).incomplete(ErrUnsupported.Error())
}

// Resident is a program that waits; there are none here.
type Resident struct{}

// StartResident reports that there are no residents here.
func StartResident(context.Context, Library, string, []string, ...*os.File) (*Resident, error) {
	return nil, fmt.Errorf("start resident: %w: %w", ErrNotResident, ErrUnsupported)
}

// Run reports that there are no residents here.
func (r *Resident) Run(context.Context, Request) (Result, error) {
	return Result{}, fmt.Errorf("run: %w: %w", ErrNotResident, ErrUnsupported)
}

// Done is closed, for there is none.
func (r *Resident) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// Pid is 0.
func (r *Resident) Pid() int { return 0 }

// Current is false.
func (r *Resident) Current() bool { return false }

// Close does nothing.
func (r *Resident) Close() error { return nil }

// Residents would keep a resident for each program.
type Residents struct{}

// NewResidents returns an empty set.
func NewResidents([]*os.File) *Residents { return &Residents{} }

// Run reports that there are no residents here.
func (s *Residents) Run(context.Context, Library, string, Request) (Result, error) {
	return (*Resident)(nil).Run(context.Background(), Request{})
}

// Pids is empty.
func (s *Residents) Pids() map[string][]int { return nil }

// Release does nothing.
func (s *Residents) Release() {}

// Close does nothing.
func (s *Residents) Close() {}

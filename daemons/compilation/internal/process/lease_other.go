//go:build !linux

package process

import (
	"context"
	"os"
)

// Lease needs process groups and /proc, so it does nothing here.
type Lease struct{}

// NewLease makes no lease here.
func NewLease(string, string, string) (*Lease, error) { return nil, nil }

func (*Lease) inherited() []*os.File { return nil }

func (*Lease) runs(int) (ended func()) { return func() {} }

// WritesIn does nothing here.
func (*Lease) WritesIn(string) {}

// Token is "" here.
func (*Lease) Token() string { return "" }

// Close does nothing here.
func (*Lease) Close() {}

// EndDead finds nothing here.
func (*Lease) EndDead(context.Context) error { return nil }

//go:build !unix

package jobserver

import "errors"

// Pipe does not exist here: make uses a named semaphore, which is not supported.
type Pipe struct{}

// Open always fails.
func Open(string) (*Pipe, error) { return nil, errors.New("a semaphore of make is not supported") }

// Take gives none.
func (*Pipe) Take(int) []byte { return nil }

// GiveBack does nothing.
func (*Pipe) GiveBack([]byte) error { return nil }

// Watch never tells.
func (*Pipe) Watch() (free <-chan struct{}, stop func()) { return nil, func() {} }

// CloseRead does nothing.
func (*Pipe) CloseRead() error { return nil }

// Close does nothing.
func (*Pipe) Close() error { return nil }

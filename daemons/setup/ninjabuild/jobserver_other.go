//go:build !unix

package ninjabuild

import "errors"

// tokenPipe: make uses a named semaphore here, which is not supported.
type tokenPipe struct{}

func openTokenPipe(string) (*tokenPipe, error) {
	return nil, errors.New("a semaphore of make is not supported")
}

func (*tokenPipe) take() (token byte, ok bool)                { return 0, false }
func (*tokenPipe) giveBack(byte)                              {}
func (*tokenPipe) watch() (free <-chan struct{}, stop func()) { return nil, func() {} }
func (*tokenPipe) close()                                     {}

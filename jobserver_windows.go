package replibuild

import "errors"

// openJobserver: make uses a named semaphore on Windows, which is not supported.
func openJobserver(string, int) (*tokens, error) {
	return nil, errors.New("a semaphore of make is not supported")
}

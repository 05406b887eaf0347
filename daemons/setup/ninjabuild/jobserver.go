package ninjabuild

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/RepliBuild/replibuild/internal/jobserver"
)

// slots shares the job slots of a `make -j` above us. A nil one grants everything.
type slots struct {
	pipe    *jobserver.Pipe
	ownUsed bool // the slot of the recipe that we are part of
}

// slot is the right to run one command: the slot of our own recipe, or a token from
// make's pipe.
type slot struct {
	kind  slotKind
	token []byte
}

type slotKind uint8

const (
	noSlot slotKind = iota
	ownSlot
	tokenSlot
)

// acquire takes a slot if there is one now.
func (j *slots) acquire() (slot, bool) {
	switch {
	case j == nil:
		return slot{}, true
	case !j.ownUsed:
		j.ownUsed = true
		return slot{kind: ownSlot}, true
	}
	token := j.pipe.Take(1)
	return slot{tokenSlot, token}, len(token) > 0
}

// release gives a slot back.
func (j *slots) release(s slot) {
	switch s.kind {
	case ownSlot:
		j.ownUsed = false
	case tokenSlot:
		j.pipe.GiveBack(s.token)
	}
}

// watch tells when a slot is free, until stop is called.
func (j *slots) watch() (free <-chan struct{}, stop func()) {
	if j == nil || !j.ownUsed {
		return nil, func() {}
	}
	return j.pipe.Watch()
}

// close forgets the jobserver.
func (j *slots) close() {
	if j != nil {
		j.pipe.Close()
	}
}

// jobserverOf reads MAKEFLAGS. The auth is "fifo:PATH" or "R,W"; "" is no jobserver.
func jobserverOf(makeflags string) (auth string, err error) {
	words := strings.Fields(makeflags)
	if len(words) > 0 && words[0][0] != '-' && strings.Contains(words[0], "n") && !strings.Contains(words[0], "=") {
		return "", nil // make -n
	}
	auth, _ = jobserver.Auth(makeflags)
	read, write, isPair := strings.Cut(auth, ",")
	switch {
	case auth == "", strings.HasPrefix(auth, "fifo:"):
		return auth, nil
	case !isPair:
		//lint:ignore ST1005 the words are what ninja prints
		return "", errors.New("Semaphore mode is not supported on Posix!")
	case strings.HasPrefix(read, "-") || strings.HasPrefix(write, "-"):
		return "", nil // make's way to say that it hands none on
	}
	return auth, nil
}

// openJobserver opens make's pipe; its errors have the words of ninja.
func openJobserver(auth string) (*jobserver.Pipe, error) {
	pipe, err := jobserver.Open(auth)
	var at *fs.PathError
	switch {
	case !errors.As(err, &at):
		return pipe, err
	case errors.Is(err, jobserver.ErrNotPipe):
		return nil, errors.New("Not a fifo path: " + at.Path)
	}
	return nil, errors.New("Error opening " + at.Path + ": " + reason(at.Err))
}

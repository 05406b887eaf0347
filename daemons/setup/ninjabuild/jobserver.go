package ninjabuild

import (
	"errors"
	"strings"
)

// slot is the right to run one command: the one that the recipe of make has which we are
// part of, or a byte of make's pipe.
type slot struct {
	kind  slotKind
	token byte
}

type slotKind uint8

const (
	noSlot slotKind = iota
	ownSlot
	tokenSlot
)

// jobserver shares the slots of a `make -j` above us. See "POSIX Jobserver Interaction" in
// the manual of GNU make. A nil one grants everything.
type jobserver struct {
	pipe    *tokenPipe
	ownUsed bool
}

// acquire takes a slot if there is one now.
func (j *jobserver) acquire() (slot, bool) {
	switch {
	case j == nil:
		return slot{}, true
	case !j.ownUsed:
		j.ownUsed = true
		return slot{kind: ownSlot}, true
	}
	token, ok := j.pipe.take()
	return slot{tokenSlot, token}, ok
}

// release gives a slot back.
func (j *jobserver) release(s slot) {
	switch s.kind {
	case ownSlot:
		j.ownUsed = false
	case tokenSlot:
		j.pipe.giveBack(s.token)
	}
}

// watch tells when a slot is free, until stop is called.
func (j *jobserver) watch() (free <-chan struct{}, stop func()) {
	if j == nil || !j.ownUsed {
		return nil, func() {}
	}
	return j.pipe.watch()
}

// close forgets the jobserver.
func (j *jobserver) close() {
	if j != nil {
		j.pipe.close()
	}
}

// jobserverOf reads MAKEFLAGS. The auth is "fifo:PATH" or "R,W"; "" is no jobserver.
func jobserverOf(makeflags string) (auth string, err error) {
	words := strings.Fields(makeflags)
	if len(words) > 0 && words[0][0] != '-' && strings.Contains(words[0], "n") && !strings.Contains(words[0], "=") {
		return "", nil // make -n
	}
	for _, word := range words {
		if word == "--" {
			break // variables follow
		}
		for _, flag := range []string{"--jobserver-auth=", "--jobserver-fds="} {
			if value, ok := strings.CutPrefix(word, flag); ok {
				auth = value // the last one counts
			}
		}
	}
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

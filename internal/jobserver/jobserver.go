// Package jobserver takes job slots from a `make -j` above us.
//
// make holds a pipe with one byte, a token, for each further job that may run. A process
// that takes a token may run one more process, and writes the token back when that has
// ended. The recipe that we are part of has a slot without a token. See "POSIX Jobserver
// Interaction" in the manual of GNU make.
package jobserver

import (
	"errors"
	"strings"
)

// ErrNotPipe means that what make's flags name is no pipe.
var ErrNotPipe = errors.New("not a pipe of make")

// Auth finds in MAKEFLAGS how the jobserver is reached: "fifo:PATH", or "R,W" for two
// descriptors. known says that there is one. The last flag counts.
func Auth(makeflags string) (auth string, known bool) {
	for _, word := range strings.Fields(makeflags) {
		if word == "--" { // variables follow
			break
		}
		for _, flag := range []string{"--jobserver-auth=", "--jobserver-fds="} {
			if value, ok := strings.CutPrefix(word, flag); ok {
				auth, known = value, true
			}
		}
	}
	return auth, known
}

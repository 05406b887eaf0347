//go:build !linux

package stamps

import (
	"os"
	"time"
)

// stampsFinely is true: only stamps of whole seconds are known to be coarse here.
func stampsFinely(string) bool { return true }

// Now returns a moment (ns since 1970) such that whatever changes from here on is stamped
// at it or later.
func Now() int64 { return time.Now().Add(-Tick).UnixNano() }

// Step returns how far apart changes have to be to get different stamps.
func Step() time.Duration { return Tick }

// IsBeingWritten is not known here.
func IsBeingWritten(*os.File) bool { return false }

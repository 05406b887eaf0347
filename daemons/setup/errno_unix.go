//go:build unix

package setup

import (
	"errors"
	"syscall"
)

// isNotDir reports whether a listing failed because the name is no folder.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

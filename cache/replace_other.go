//go:build !linux

package cache

import "os"

// Replace gives the finished file tmp the name dst, and what had the name is gone.
func Replace(tmp, dst string) error { return os.Rename(tmp, dst) }

//go:build !linux

package cache

import "os"

const maxBehind = 0

// Replace gives the finished file tmp the name dst, and what had the name is gone.
func (s *Store) Replace(tmp, dst string) error { return os.Rename(tmp, dst) }

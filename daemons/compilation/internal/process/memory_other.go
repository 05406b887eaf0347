//go:build !linux

package process

// availableMemory is not known here; only Config.MaxMemory bounds what runs.
func availableMemory() int64 { return -1 }

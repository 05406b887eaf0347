package ipc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Caller is what a process inherits from the shell that asked for a build: every process
// that is run for the request gets it. A request without one means the daemon's own.
// Linux alone fills it in.
type Caller struct {
	Umask      uint32  `json:"umask"`
	Ignored    []int   `json:"ignored,omitempty"`     // numbers of the signals that are ignored
	Limits     []Limit `json:"limits,omitempty"`      // resource limits, by number
	Nice       int     `json:"nice,omitempty"`        // -20 to 19
	IOPriority int     `json:"io_priority,omitempty"` // as ioprio_get(2) returns it
	CPUs       string  `json:"cpus,omitempty"`        // that it may run on, such as "0-3,8"
}

// Limit is a resource limit as getrlimit(2) returns it.
type Limit struct {
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// Permissions returns what a tool of the caller makes of a mode: the mode less the umask.
func (c *Caller) Permissions(mode fs.FileMode) fs.FileMode {
	if c == nil {
		return mode
	}
	return mode &^ fs.FileMode(c.Umask)
}

// MakeFolder makes a folder, and the folders above it that are missing, with the
// permissions that mkdir -p of the caller gives them.
func (c *Caller) MakeFolder(dir string) error {
	if c == nil {
		return os.MkdirAll(dir, 0o777)
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if above := filepath.Dir(dir); above != dir {
		if err := c.MakeFolder(above); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, c.Permissions(0o777))
	if errors.Is(err, fs.ErrExist) {
		return os.MkdirAll(dir, 0o777) // another process made it, or it is a file
	}
	if err != nil {
		return err
	}
	return c.setPermissions(dir)
}

// setPermissions gives a new folder the permissions that our own umask took from it.
func (c *Caller) setPermissions(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() == c.Permissions(0o777) {
		return err
	}
	inherited := info.Mode() & fs.ModeSetgid
	return os.Chmod(dir, c.Permissions(0o777)|inherited)
}

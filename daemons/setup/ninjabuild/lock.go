package ninjabuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/ipc"
)

// Two builds in one folder at once would write the same outputs and the same logs. ninja does not
// prevent that; here the second waits. The lock is on the folder itself, so there is no file more,
// and the system frees it when the process ends. ninja's own processes do not see it.
//
// A command of the build may call us again in the same folder, as CMake's builds do. It learns by a
// variable which folders are locked above it, and does not wait there.

// lockedVariable has the folders in which a build runs above a command, as PATH has them.
const lockedVariable = "REPLIBUILD_NINJA"

const (
	// lockAgain is how often a build that waits tries again.
	lockAgain = 50 * time.Millisecond
	// lockTold is how many tries are made before it says so: a process that was just started holds
	// the lock too, until its program is loaded.
	lockTold = 4
)

// lock returns when no other build of ours runs in the folder, with the function that lets the next
// one in. A folder that cannot be locked, as on some network file systems, is not.
func (m *program) lock(ctx context.Context) (unlock func(), err error) {
	dir, err := m.workingFolder()
	if err != nil || m.opts.dryRun || m.opts.tool != nil {
		return func() {}, nil
	}
	above := filepath.SplitList(ipc.EnvValue(m.Env, lockedVariable))
	if slices.Contains(above, dir) {
		return func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return func() {}, nil
	}
	if err := m.awaitLock(ctx, folder); err != nil {
		folder.Close()
		return nil, err
	}
	m.Env = append(withoutVariable(m.Env, lockedVariable), lockedVariable+"="+strings.Join(append(above, dir), string(filepath.ListSeparator)))
	return func() { folder.Close() }, nil
}

// awaitLock takes the lock, and says so if it has to wait.
func (m *program) awaitLock(ctx context.Context, folder *os.File) error {
	for try := 0; ; try++ {
		err := filelock.Exclusive(folder)
		if !errors.Is(err, filelock.ErrLocked) {
			return nil // an error: there are no locks here
		}
		if try == lockTold {
			m.errorf("replibuild: another build runs in %s; waiting for its end\n", folder.Name())
		}
		select {
		case <-time.After(lockAgain):
		case <-ctx.Done():
			m.errorf("ninja: build stopped: %s.\n", errInterrupted)
			return exitNow(exitInterrupted)
		}
	}
}

// withoutVariable leaves a variable out of an environment.
func withoutVariable(env []string, name string) (out []string) {
	for _, kv := range env {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return out
}

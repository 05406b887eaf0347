package orchestrator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/internal/rootid"
)

// The lock of a build folder is held by the process that builds there. Its holder stamps the
// file's mtime again and again, so that a process that waits can tell a long build
// from a holder that was stopped in the middle of one.
const (
	lockBeat  = 400 * time.Millisecond
	lockStale = 4 * lockBeat // "at most 2 s late"
	lockPoll  = 10 * time.Millisecond
)

// buildLock is a lock that is held, or given up on.
type buildLock struct {
	file *os.File // nil: not held
	stop chan struct{}
	done chan struct{}
}

// lockBuild takes the lock at path. waiting is called once if another process has it. If
// that process shows no sign of life, lockBuild gives up: the lock it returns is not
// held, and the caller must write no state files.
func lockBuild(ctx context.Context, path string, waiting func()) (*buildLock, error) {
	if err := rootid.MakeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = filelock.Exclusive(f)
	if errors.Is(err, filelock.ErrLocked) {
		waiting()
		err = waitForLock(ctx, f)
	}
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return &buildLock{}, f.Close()
	case err != nil:
		f.Close()
		return nil, err
	}
	l := &buildLock{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	l.stamp()
	go l.beat()
	return l, nil
}

// tryLockBuild takes the lock at path, nil if another process has it or it cannot be taken.
func tryLockBuild(path string) *buildLock {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // it waits for nothing
	l, err := lockBuild(ctx, path, func() {})
	if err != nil || !l.held() {
		return nil
	}
	return l
}

// waitForLock waits while the holder stamps the file. The age of a stamp is measured from
// when it was first seen, so it does not depend on the clock.
func waitForLock(ctx context.Context, f *os.File) error {
	var stamp time.Time
	var seen time.Time
	for {
		err := filelock.Exclusive(f)
		if !errors.Is(err, filelock.ErrLocked) {
			return err
		}
		fi, err := f.Stat()
		switch {
		case err != nil:
			return err
		case seen.IsZero() || !fi.ModTime().Equal(stamp):
			stamp, seen = fi.ModTime(), time.Now()
		case time.Since(seen) > lockStale:
			return filelock.ErrLocked
		}
		if err := pause.For(ctx, lockPoll); err != nil {
			return err
		}
	}
}

// held reports whether no other process builds in the folder.
func (l *buildLock) held() bool { return l.file != nil }

func (l *buildLock) stamp() {
	now := time.Now()
	os.Chtimes(l.file.Name(), now, now) // the file may be gone; then no process waits on it
}

func (l *buildLock) beat() {
	defer close(l.done)
	tick := time.NewTicker(lockBeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.stamp()
		case <-l.stop:
			return
		}
	}
}

// release gives the lock back.
func (l *buildLock) release() {
	if l.file == nil {
		return
	}
	close(l.stop)
	<-l.done
	l.file.Close() // also unlocks
}

package compilation

import (
	"context"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/rootid"
)

// lockPatience bounds the wait for another process that writes the same output. One that
// was stopped in the middle would hold us for ever; after that time we write too, and the
// trace shows whose file it was.
const lockPatience = 10 * time.Second

// outputLocks let one action at a time write an output under its own name, in this process
// and among all that build in a project. The zero value knows of this process only.
type outputLocks struct {
	file string // in which processes lock ranges, one for each output; "" = none
	log  *slog.Logger

	mu     sync.Mutex
	held   map[string]chan struct{} // by path, closed when it is free
	opened *os.File
}

// lock takes the locks of some paths, in their order, so that no two wait for each other.
func (l *outputLocks) lock(ctx context.Context, paths []string) (unlock func(), err error) {
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	var undo []func()
	unlock = func() {
		for _, u := range slices.Backward(undo) {
			u()
		}
	}
	for _, p := range paths {
		free, err := l.lockHere(ctx, p)
		if err != nil {
			unlock()
			return nil, err
		}
		undo = append(undo, free)
		freeFile, err := l.lockThere(ctx, p)
		if err != nil {
			unlock()
			return nil, err
		}
		undo = append(undo, freeFile)
	}
	return unlock, nil
}

// lockHere locks a path in this process.
func (l *outputLocks) lockHere(ctx context.Context, path string) (free func(), err error) {
	for {
		l.mu.Lock()
		other := l.held[path]
		if other == nil {
			mine := make(chan struct{})
			if l.held == nil {
				l.held = make(map[string]chan struct{})
			}
			l.held[path] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.held, path)
				l.mu.Unlock()
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// lockThere locks a path among processes. Where that is not possible it does nothing.
func (l *outputLocks) lockThere(ctx context.Context, path string) (free func(), err error) {
	f := l.open()
	if f == nil {
		return func() {}, nil
	}
	limited, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	at := rangeOf(path)
	if err := lockRange(limited, f, at); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		l.log.Warn("an output is written without its lock", "output", path, "error", err)
		return func() {}, nil
	}
	return func() { unlockRange(f, at) }, nil
}

// rangeOf is the place of a path's lock in the file, which has no content.
func rangeOf(path string) int64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	return int64(h.Sum64() >> 2)
}

func (l *outputLocks) open() *os.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil || l.file == "" {
		return l.opened
	}
	err := rootid.MakeFolder(filepath.Dir(l.file))
	if err == nil {
		l.opened, err = os.OpenFile(l.file, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil { // the project may belong to somebody else
		l.log.Warn("outputs are not locked against other processes", "error", err)
		l.file = ""
	}
	return l.opened
}

func (l *outputLocks) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		_ = l.opened.Close()
		l.opened, l.file = nil, ""
	}
}

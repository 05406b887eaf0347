package process

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/internal/rootid"
)

// A service that is killed leaves processes behind: the kernel ends only those that it
// started itself, so the compiler proper and the assembler under a g++ go on, and write
// an object later. So each service has a lease: a file that every process inherits, and
// beside it a description, which is locked while the service lives. Before a service
// serves a request it ends what services whose lock is free have left; see ended_linux.go.

const (
	// leaseDescriptor is the number under which processes inherit the lease: above those
	// that shell scripts use by themselves, and below the lowest limit of open files.
	leaseDescriptor = 19
	leaseEnding     = ".lease"
	leaseAbout      = ".json"
)

// Lease is that of a running service. A nil lease does nothing.
type Lease struct {
	dir    string
	root   string   // the project's folder
	prefix string   // that the names of temporary files begin with, before the token
	token  string   // the name of this lease
	about  *os.File // the description, locked
	handed *os.File // what processes inherit

	mu      sync.Mutex
	groups  map[int]bool    // process groups that run
	folders map[string]bool // that outputs are made in
}

// leaseText is the description of a lease.
type leaseText struct {
	Root       rootid.ID `json:"root"` // of the project: a copy brings its original's lease along
	PID        int       `json:"pid"`
	StartTicks uint64    `json:"start_ticks"`
	Namespace  string    `json:"pid_namespace"`
	Session    int       `json:"session"`
	Groups     []int     `json:"groups"`
	Folders    []string  `json:"folders"`
}

// NewLease makes a lease in dir, a folder of the project at root. The names of the service's
// temporary files begin with prefix and the lease's token.
func NewLease(dir, root, prefix string) (*Lease, error) {
	if err := rootid.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("make a lease: %w", err)
	}
	l := &Lease{dir: dir, root: root, prefix: prefix, token: rand.Text()[:10], groups: make(map[int]bool), folders: make(map[string]bool)}
	err := l.create()
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("make a lease: %w", err)
	}
	return l, nil
}

// create makes both files. The description gets its name when it is locked: one that is
// not is a dead service's.
func (l *Lease) create() (err error) {
	if l.handed, err = os.OpenFile(l.path(leaseEnding), os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o600); err != nil {
		return err
	}
	return l.describe()
}

// describe makes the description. mu is held, or the lease is new.
func (l *Lease) describe() (err error) {
	if l.about, err = os.OpenFile(l.path(".new"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := filelock.Exclusive(l.about); err != nil {
		return err
	}
	if err := l.write(); err != nil {
		return err
	}
	return os.Rename(l.path(".new"), l.path(leaseAbout))
}

// follow makes the description again if it is not where the next service looks: the project's
// folder was moved and another one is at its path, or the state was deleted. Processes that run
// already are known by the lease's name, wherever that file is. Where it cannot be made, the service
// works without it, as at its start.
func (l *Lease) follow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	there, err := os.Stat(l.path(leaseAbout))
	if mine, _ := l.about.Stat(); err == nil && os.SameFile(there, mine) {
		return
	}
	if rootid.MakeFolder(l.dir) != nil {
		return
	}
	old := l.about
	if l.describe() == nil {
		_ = old.Close()
		return
	}
	if l.about != nil {
		_ = l.about.Close()
		_ = os.Remove(l.path(".new"))
	}
	l.about = old
}

func (l *Lease) path(ending string) string { return filepath.Join(l.dir, l.token+ending) }

// write brings the description up to date; mu is held, or the lease is new. A
// reader takes the first value and no more: a shorter text may have an old end.
func (l *Lease) write() error {
	session, err := unix.Getsid(0)
	if err != nil {
		return err
	}
	self := readProcess(os.Getpid())
	text, err := json.Marshal(leaseText{
		Root: rootid.Of(l.root), PID: os.Getpid(), StartTicks: self.startTicks, Namespace: pidNamespace(), Session: session,
		Groups: slices.Sorted(maps.Keys(l.groups)), Folders: slices.Sorted(maps.Keys(l.folders)),
	})
	if err != nil {
		return err
	}
	_, err = l.about.WriteAt(append(text, '\n'), 0)
	return err
}

// inherited are the files that a process gets beside its standard ones.
func (l *Lease) inherited() []*os.File {
	if l == nil {
		return nil
	}
	files := make([]*os.File, leaseDescriptor-2)
	files[leaseDescriptor-3] = l.handed
	return files
}

// runs notes that a process group runs, until ended is called.
func (l *Lease) runs(group int) (ended func()) {
	if l == nil {
		return func() {}
	}
	l.note(func() { l.groups[group] = true })
	return func() { l.note(func() { delete(l.groups, group) }) }
}

// WritesIn notes that temporary files are made in a folder.
func (l *Lease) WritesIn(folder string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	known := l.folders[folder]
	l.mu.Unlock()
	if !known {
		l.note(func() { l.folders[folder] = true })
	}
}

// note changes the description. A full disk costs what a killed service left, at most.
func (l *Lease) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	_ = l.write()
}

// Token is the name of the lease, "" if there is none.
func (l *Lease) Token() string {
	if l == nil {
		return ""
	}
	return l.token
}

// Close ends the lease. No process of the service runs any more.
func (l *Lease) Close() {
	if l == nil {
		return
	}
	for _, ending := range []string{".new", leaseAbout, leaseEnding} {
		_ = os.Remove(l.path(ending))
	}
	for _, f := range []*os.File{l.handed, l.about} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// EndDead ends what dead services of the project have left, and returns when it is gone.
func (l *Lease) EndDead(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.follow()
	names, err := filepath.Glob(filepath.Join(l.dir, "*"+leaseAbout))
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == l.path(leaseAbout) {
			continue
		}
		if err := l.endIfDead(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// endIfDead ends what a service has left, unless that lives. The lease of another folder's
// service says nothing here: it came with a copy, and is removed.
func (l *Lease) endIfDead(ctx context.Context, about string) error {
	f, err := os.OpenFile(about, os.O_RDWR, 0)
	if err != nil {
		return nil // it is gone, or not ours
	}
	defer f.Close()
	var text leaseText
	if json.NewDecoder(f).Decode(&text) != nil {
		return nil
	}
	if text.Root != rootid.Of(l.root) {
		return removeLease(about)
	}
	if text.Namespace != pidNamespace() || !lockOfDead(ctx, f, text) {
		return nil // its processes cannot be told from here, or it lives
	}
	d := &deadService{leaseText: text, prefix: l.prefix, token: trimEnding(about)}
	if err := d.end(ctx); err != nil {
		return err
	}
	return removeLease(about)
}

// removeLease removes a lease's files. Another service may remove them at the same time.
func removeLease(about string) error {
	var failed []error
	for _, file := range []string{about, strings.TrimSuffix(about, leaseAbout) + leaseEnding} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// lockOfDead takes the lock of a dead service's description. One that is being killed
// holds it for another moment.
func lockOfDead(ctx context.Context, f *os.File, text leaseText) bool {
	ctx, cancel := context.WithTimeout(ctx, deathLimit)
	defer cancel()
	for {
		err := filelock.Exclusive(f)
		service := readProcess(text.PID)
		if service.startTicks == text.StartTicks && !service.dying() {
			return false // the service lives, even if the lock is free
		}
		if err == nil {
			return true
		}
		if !errors.Is(err, filelock.ErrLocked) {
			return false
		}
		if pause.For(ctx, 2*time.Millisecond) != nil {
			return false
		}
	}
}

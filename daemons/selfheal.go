package daemons

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/ipc"
)

// keepEvery is how often a daemon looks after its files: each look wakes four processes.
// [endpointReturns] is how long commands wait for that.
const keepEvery = 3 * time.Second

// selfHealer puts back files that are deleted while the daemon lives: the documentation
// recommends `rm -rf` of the pids, the logs or the state as a remedy.
type selfHealer struct {
	paths    Paths
	name     string
	lock     *lock
	endpoint ipc.Endpoint
	log      *slog.Logger
	logFile  *logFile

	holder  holder
	written fs.FileInfo // the endpoint file that we wrote
}

// publish writes the endpoint file and remembers it.
func (k *selfHealer) publish() error {
	path := k.paths.EndpointFile(k.name)
	if err := writeEndpoint(path, k.endpoint); err != nil {
		return err
	}
	fi, err := os.Lstat(path)
	k.written = fi
	return err
}

// check looks at all files once; an error means that the daemon has to leave.
func (k *selfHealer) check() error {
	if _, err := os.Stat(k.paths.Root); errors.Is(err, fs.ErrNotExist) {
		return errors.New("the project is gone")
	}
	k.logFile.heal()
	if !k.lock.inPlace() {
		if err := k.relock(); err != nil {
			return err
		}
	}
	there, err := os.Lstat(k.paths.EndpointFile(k.name))
	if err == nil && k.written != nil && os.SameFile(there, k.written) {
		return nil
	}
	if err := k.publish(); err != nil { // a full disk, say: the next second may be better
		k.log.Warn("cannot write the endpoint", "error", err)
		return nil
	}
	k.log.Info("the endpoint file was gone and is back")
	return nil
}

// relock takes the lock of a new file after the old one was deleted. If another daemon
// holds that already, it is the set's daemon now. After any other failure it tries again:
// the daemon still serves clients that have its endpoint.
func (k *selfHealer) relock() error {
	fresh, err := tryLock(k.lock.path)
	if errors.Is(err, filelock.ErrLocked) {
		return errors.New("the lock file was deleted and another daemon holds the new one")
	}
	if err != nil {
		k.log.Warn("cannot make the lock file again", "error", err)
		return nil
	}
	k.lock.release()
	k.lock = fresh
	k.log.Info("the lock file was gone and is back")
	return k.lock.write(k.holder)
}

// retire takes the endpoint away, unless it is another daemon's by now, and says in
// the lock file that the daemon is leaving.
func (k *selfHealer) retire() {
	k.holder.Stopping, k.holder.Since = true, time.Now()
	k.lock.write(k.holder)
	path := k.paths.EndpointFile(k.name)
	if ep, err := ReadEndpoint(path); err == nil && identityOf(ep) == k.holder.Process {
		os.Remove(path)
	}
}

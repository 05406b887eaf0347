package daemons

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/ipc"
)

// gitignore keeps our own state out of the project's history. Files that the user wrote
// (the configuration, module descriptions) are not ignored.
const gitignore = `# Written by replibuild: state of this machine is ignored, configuration is not.
*
!.gitignore
!daemon_config.toml
!modules/
!modules/**
`

// Initialize makes the folders that are missing, and closes them to other users. Without
// a project it makes RepliBuild's own folders only. It is cheap enough to be called by
// every command.
func (p Paths) Initialize() error {
	dirs := []string{p.Home, p.CacheBase(), filepath.Join(p.Home, "pids"), p.logBase()}
	if p.Root != "" {
		dirs = append(dirs, p.CacheDir(), p.PIDDir(), p.LogDir())
	}
	for _, dir := range dirs {
		if err := makePrivate(dir); err != nil {
			return err
		}
	}
	if p.Root == "" {
		return nil
	}
	return p.initializeProject()
}

func (p Paths) initializeProject() error {
	if _, err := os.Stat(p.Root); err != nil {
		return ipc.Errorf(ipc.CodeNoProject, "the project %s is gone: %v", p.Root, cause(err))
	}
	if err := os.MkdirAll(p.projectDir(), 0o755); err != nil {
		return notWritable(p.projectDir(), err)
	}
	if err := makePrivate(p.StateDir()); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(p.projectDir(), ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return notWritable(p.projectDir(), err)
	}
	_, err = f.WriteString(gitignore)
	return errors.Join(err, f.Close())
}

// makePrivate makes dir, or takes the permissions of others from it. A folder of another
// user is refused, because that user could change its content at any time.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return notWritable(dir, err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return notWritable(dir, err)
	}
	if !ownedByUs(fi) {
		return ipc.Errorf(ipc.CodeUnavailable, "%s belongs to another user", dir).
			WithHint("remove it, or set REPLIBUILD_HOME to a folder of your own")
	}
	if sharesWithOthers(fi) {
		if err := os.Chmod(dir, fi.Mode().Perm()&0o700); err != nil {
			return notWritable(dir, err)
		}
	}
	return nil
}

func notWritable(dir string, err error) error {
	return ipc.Errorf(ipc.CodeUnavailable, "cannot make %s: %v", dir, cause(err)).
		WithHint("make the folder above it writable, or build without daemons: `replibuild compile --no-daemon`")
}

// openPrivate opens a file that only we may have written: a regular file of our own,
// closed to others, and no symbolic link. O_NONBLOCK keeps the call from waiting if there
// is a FIFO instead; for regular files it means nothing.
func openPrivate(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case !fi.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	case !ownedByUs(fi):
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("belongs to another user")}
	case sharesWithOthers(fi):
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("is open to other users")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// replacePrivate is [atomicfile.Write] that makes the folder if it is missing.
func replacePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, data)
}

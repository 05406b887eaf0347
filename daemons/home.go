package daemons

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/RepliBuild/replibuild/ipc"
)

// HomeDir returns RepliBuild's own folder by the given environment (os.Getenv):
// REPLIBUILD_HOME, else %LOCALAPPDATA%\RepliBuild on Windows, ~/.replibuild elsewhere. If
// the home folder is missing or cannot be written, it makes and returns a private folder
// in the temporary folder.
func HomeDir(env func(string) string) (string, error) {
	home, err := wantedHome(env)
	if err == nil {
		return home, nil
	}
	for _, dir := range []string{env("TMPDIR"), "/tmp", "/var/tmp"} {
		if own := filepath.Join(dir, fmt.Sprintf("replibuild-%d", os.Geteuid())); filepath.IsAbs(dir) && makeTemporaryHome(own) {
			return own, nil
		}
	}
	return "", ipc.Errorf(ipc.CodeUnavailable, "%v, and there is no temporary folder, so there is no place for RepliBuild's files", err).
		WithHint("set HOME, or REPLIBUILD_HOME to a folder of your own")
}

// HomeNotice says why dir, which HomeDir returned, is a temporary folder; "" if it is not.
func HomeNotice(env func(string) string, dir string) string {
	home, err := wantedHome(env)
	if err == nil || home == dir {
		return ""
	}
	return fmt.Sprintf("%v; the cache and the daemons' files are in %s", err, dir)
}

// wantedHome is the folder that the environment asks for; the error says why it cannot
// be used. A folder that was named is used in any case.
func wantedHome(env func(string) string) (string, error) {
	if home := env("REPLIBUILD_HOME"); home != "" {
		return filepath.Abs(home)
	}
	if runtime.GOOS == "windows" {
		if local := env("LOCALAPPDATA"); local != "" {
			return filepath.Join(local, "RepliBuild"), nil
		}
		return "", errors.New("LOCALAPPDATA is not set")
	}
	home := env("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("HOME is not set")
	}
	own := filepath.Join(home, ".replibuild")
	info, err := os.Stat(own)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err := os.Stat(home); err != nil || !info.IsDir() {
			return own, fmt.Errorf("the home folder %s is not there", home)
		}
		if !mayWrite(home) {
			return own, fmt.Errorf("the home folder %s cannot be written", home)
		}
	case err != nil:
		return own, err
	case !info.IsDir() || !ownedByUs(info) || !mayWrite(own):
		return own, fmt.Errorf("%s is not a folder of ours that can be written", own)
	}
	return own, nil
}

// makeTemporaryHome makes a folder that only we can enter, or finds it. In a temporary
// folder another user may have made something of that name.
func makeTemporaryHome(dir string) bool {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && ownedByUs(info) && !sharesWithOthers(info) && mayWrite(dir)
}

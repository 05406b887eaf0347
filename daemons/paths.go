package daemons

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/ipc"
)

// projectFile is what makes a folder a project.
const projectFile = "replibuild.toml"

// ownFolder is our folder in a project.
const ownFolder = ".replibuild"

// Paths tells where the files of one project's set are. Root and Set are empty for
// the folders that all projects share.
type Paths struct {
	Home string // ~/.replibuild, or REPLIBUILD_HOME
	Root string // the project: absolute, symlinks resolved
	Set  string // folder's name, "-", 8 hex digits of the SHA-256 of Root
}

// NewPaths returns the paths of the project at root ("" for none), which must be
// canonical as [FindRoot] returns it.
func NewPaths(home, root string) Paths {
	return Paths{Home: home, Root: root, Set: setID(root)}
}

// maxSetName bounds the readable part of a set's id, so that NAME_MAX (255 bytes)
// holds for it with any suffix of ours.
const maxSetName = 120

func setID(root string) string {
	if root == "" {
		return ""
	}
	name := filepath.Base(root)
	if name == string(filepath.Separator) || name == filepath.VolumeName(root) {
		name = "root"
	}
	if len(name) > maxSetName {
		name = name[:maxSetName]
		for !utf8.ValidString(name) && len(name) > maxSetName-utf8.UTFMax {
			name = name[:len(name)-1]
		}
	}
	sum := sha256.Sum256([]byte(root))
	return name + "-" + hex.EncodeToString(sum[:4])
}

// FindRoot returns the canonical path of the project that dir lies in: the nearest
// folder, from dir upwards, with a replibuild.toml, or with a build.ninja that was built
// by us.
func FindRoot(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	canonical, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", ipc.Errorf(ipc.CodeNoProject, "cannot open the folder %s: %v", dir, cause(err)).
			WithHint("name the project's folder with --project DIR")
	}
	closed := "" // a folder above that may not be searched could hold the project
	for at := canonical; ; at = filepath.Dir(at) {
		fi, err := os.Stat(filepath.Join(at, projectFile))
		if err == nil && !fi.IsDir() || IsBuildFolder(at) {
			return at, checkRoot(at)
		}
		if errors.Is(err, fs.ErrPermission) && closed == "" {
			closed = " (" + at + " may not be searched)"
		}
		if at == filepath.Dir(at) {
			return "", ipc.Errorf(ipc.CodeNoProject, "no %s in %s or any folder above it%s", projectFile, canonical, closed).
				WithHint("make one with `replibuild init`, or name the project's folder with --project DIR")
		}
	}
}

// IsBuildFolder reports whether a folder has a build.ninja and state of ours.
func IsBuildFolder(dir string) bool {
	_, manifest := os.Stat(filepath.Join(dir, "build.ninja"))
	_, ours := os.Stat(filepath.Join(dir, ownFolder, "state"))
	return manifest == nil && ours == nil
}

// BuildFolder returns the canonical path of a folder with a build.ninja.
func BuildFolder(dir string) (string, error) {
	canonical, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", ipc.Errorf(ipc.CodeNoProject, "cannot open the folder %s: %v", dir, cause(err))
	}
	return canonical, checkRoot(canonical)
}

// checkRoot refuses a project whose path cannot be passed to compilers and daemons: JSON
// has only UTF-8, and dependency files cannot contain a newline in a name.
func checkRoot(root string) error {
	what := ""
	switch {
	case !utf8.ValidString(root):
		what = "is not UTF-8"
	case strings.ContainsAny(root, "\n\r"):
		what = "has a newline"
	default:
		return nil
	}
	return ipc.Errorf(ipc.CodeNoProject, "the path of the project %q %s", root, what).WithHint("rename the folder")
}

// CacheBase is the folder that holds a folder per project.
func (p Paths) CacheBase() string { return filepath.Join(p.Home, "cache") }

// CacheDir is the project's own cache.
func (p Paths) CacheDir() string { return filepath.Join(p.CacheBase(), p.Set) }

// SharedDir is the store that this user's projects and worktrees share.
func (p Paths) SharedDir() string { return filepath.Join(p.CacheBase(), "shared") }

// PIDDir holds the endpoint files of the set.
func (p Paths) PIDDir() string { return filepath.Join(p.pidBase(), p.Set) }

func (p Paths) pidBase() string { return filepath.Join(p.Home, "pids") }

// EndpointFile says where a daemon listens and how to prove oneself to it.
func (p Paths) EndpointFile(name string) string { return filepath.Join(p.PIDDir(), name+".json") }

// LogDir holds the logs of the set.
func (p Paths) LogDir() string { return filepath.Join(p.logBase(), p.Set) }

// LogFile is a daemon's log; older parts have ".1" and ".2" appended.
func (p Paths) LogFile(name string) string { return filepath.Join(p.LogDir(), name+".log") }

func (p Paths) logBase() string { return filepath.Join(p.Home, "daemon_logs") }

// StateDir holds the project's locks and what daemons keep over restarts.
func (p Paths) StateDir() string { return filepath.Join(p.projectDir(), "state") }

// LockFile is the file whose lock a daemon holds while it lives.
func (p Paths) LockFile(name string) string { return filepath.Join(p.StateDir(), name+".lock") }

// ConfigFile is the daemons' configuration.
func (p Paths) ConfigFile() string { return filepath.Join(p.projectDir(), "daemon_config.toml") }

func (p Paths) projectDir() string { return filepath.Join(p.Root, ownFolder) }

// cause takes the operation and the path off a file error: the message around it
// names them already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

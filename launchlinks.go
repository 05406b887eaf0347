package replibuild

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"

	"github.com/RepliBuild/replibuild/ipc"
)

// LaunchEnv is an environment in which the names of compilers mean the thin client: a
// folder of links to it comes first in PATH. exe is the path of our program, which starts the
// daemon. Where there is no thin client, the environment is that of the caller.
func (p *Project) LaunchEnv(client, exe string) ([]string, error) {
	dir := filepath.Join(p.paths.Home, "links")
	path := ipc.EnvValue(p.env, "PATH")
	if err := linkCompilers(dir, client, filepath.SplitList(path)); err != nil {
		return p.env, err
	}
	env := make([]string, 0, len(p.env)+2)
	for _, kv := range p.env {
		if !hasName(kv, "PATH") && !hasName(kv, "REPLIBUILD_EXE") {
			env = append(env, kv)
		}
	}
	return append(env, "PATH="+dir+string(os.PathListSeparator)+path, "REPLIBUILD_EXE="+exe), nil
}

func hasName(kv, name string) bool {
	return len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '='
}

// linkCompilers makes a link to the thin client for each name of a compiler in the folders
// of a PATH.
func linkCompilers(dir, client string, folders []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names := regexp.MustCompile(`^(cc|c\+\+|gcc|g\+\+|clang|clang\+\+)(-[0-9.]+)?$`)
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil || folder == dir {
			continue
		}
		for _, e := range entries {
			if !names.MatchString(e.Name()) {
				continue
			}
			link := filepath.Join(dir, e.Name())
			if target, err := os.Readlink(link); err == nil && target == client {
				continue
			}
			if err := replaceLink(link, client); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaceLink makes a symbolic link, in the place of what is there.
func replaceLink(link, target string) error {
	temporary := link + "." + rand.Text()
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	err := os.Rename(temporary, link)
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

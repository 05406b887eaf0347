package daemons

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// Sets returns the paths of every project whose daemons run or crashed, in order of
// their folders. home is RepliBuild's own folder.
func Sets(home string) ([]Paths, error) {
	base := NewPaths(home, "").pidBase()
	folders, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var sets []Paths
	for _, folder := range folders {
		if p, ok := setIn(home, filepath.Join(base, folder.Name())); ok {
			sets = append(sets, p)
		}
	}
	slices.SortFunc(sets, func(a, b Paths) int { return strings.Compare(a.Root, b.Root) })
	return sets, nil
}

// setIn finds the project of a folder of endpoint files. A folder without any, or one
// that is not of the project that its files name, is none.
func setIn(home, dir string) (Paths, bool) {
	for _, name := range ipc.DaemonNames() {
		ep, err := ReadEndpoint(filepath.Join(dir, name+".json"))
		if err != nil || ep.Root == "" {
			continue
		}
		p := NewPaths(home, ep.Root)
		return p, p.PIDDir() == dir
	}
	return Paths{}, false
}

package compilation

import (
	"debug/elf"
	"path"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// loaderCache says where libraries are that no folder is named for (ldconfig(8)).
const loaderCache = "/etc/ld.so.cache"

// addLoaderSearch adds where the dynamic loader looked for the libraries of a program
// before it found them: no trace shows its calls (ld.so(8), "Dynamic linker").
func addLoaderSearch(v *snapshot.Tree, program string, seen *observation) {
	f, err := elf.Open(v.Abs(program))
	if err != nil {
		return // a script, or gone
	}
	defer f.Close()
	needed, _ := f.DynString(elf.DT_NEEDED)
	dirs := loaderFolders(v, f, path.Dir(v.Abs(program)))
	for _, name := range needed {
		for _, dir := range dirs {
			p := snapshot.Spell(v.Root, snapshot.Join(dir, name))
			if v.Signature(p).Exists() {
				break
			}
			seen.misses = append(seen.misses, p)
		}
	}
	if len(needed) > 0 && v.Signature(loaderCache).IsRegular() {
		seen.files = append(seen.files, loaderCache)
	}
}

// loaderFolders are the folders that the loader searches first, in order.
func loaderFolders(v *snapshot.Tree, f *elf.File, origin string) (dirs []string) {
	add := func(lists ...string) {
		for _, list := range lists {
			for _, dir := range filepath.SplitList(list) {
				dir = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir)
				if dir != "" && !strings.Contains(dir, "$") {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	run, _ := f.DynString(elf.DT_RUNPATH)
	if len(run) == 0 {
		old, _ := f.DynString(elf.DT_RPATH)
		add(old...)
	}
	add(ipc.EnvValue(v.Env, "LD_LIBRARY_PATH"))
	add(run...)
	return dirs
}

package compilation

import (
	"debug/elf"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// loaderCache says where libraries are that no folder is named for (ldconfig(8)).
const loaderCache = "/etc/ld.so.cache"

// maxDynamics bounds what is remembered of programs; an entry is some 200 bytes.
const maxDynamics = 10_000

// dynamic is what a program says to the dynamic loader. All is empty for a script.
type dynamic struct {
	needed, runpath, rpath []string
}

// dynamics remembers what programs say to the loader, by content. To read it of gcc's cc1 takes
// some milliseconds, because its table of names is large, and each compile runs it.
type dynamics struct {
	mu    sync.Mutex
	known map[cache.Digest]dynamic
}

// of returns what a program says. Only what was surely read of the content that the tree saw is
// remembered.
func (d *dynamics) of(v *snapshot.Tree, program string) dynamic {
	sum, err := v.DigestOf(program)
	if err != nil {
		return readDynamic(v.Abs(program))
	}
	d.mu.Lock()
	known, ok := d.known[sum]
	d.mu.Unlock()
	if ok {
		return known
	}
	read := readDynamic(v.Abs(program))
	if now, err := snapshot.HashFile(v.Abs(program)); err != nil || now.Digest != sum {
		return read
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDynamics {
		d.known = make(map[cache.Digest]dynamic)
	}
	d.known[sum] = read
	return read
}

func readDynamic(program string) (d dynamic) {
	f, err := elf.Open(program)
	if err != nil {
		return d // a script, or gone
	}
	defer f.Close()
	d.needed, _ = f.DynString(elf.DT_NEEDED)
	d.runpath, _ = f.DynString(elf.DT_RUNPATH)
	d.rpath, _ = f.DynString(elf.DT_RPATH)
	return d
}

// addLoaderSearch adds where the dynamic loader looked for the libraries of a program
// before it found them: no trace shows its calls (ld.so(8), "Dynamic linker"). Wanted are the names
// of others that the program may have asked for while it ran.
func (d *dynamics) addLoaderSearch(v *snapshot.Tree, program string, wanted []string, seen *observation) {
	says := d.of(v, program)
	d.addMisses(v, says.folders(v, path.Dir(v.Abs(program))), slices.Concat(says.needed, wanted), seen)
	if len(says.needed) > 0 && v.Signature(loaderCache).IsRegular() {
		seen.files = append(seen.files, loaderCache)
	}
}

// addLibrarySearch adds the same for what libraries need. A library's own RUNPATH counts for that,
// and LD_LIBRARY_PATH.
func (d *dynamics) addLibrarySearch(v *snapshot.Tree, loaded []string, seen *observation) {
	for _, p := range loaded {
		says := d.of(v, p)
		d.addMisses(v, says.folders(v, path.Dir(v.Abs(p))), says.needed, seen)
	}
}

func (d *dynamics) addMisses(v *snapshot.Tree, dirs, names []string, seen *observation) {
	for _, name := range names {
		for _, dir := range dirs {
			p := snapshot.Spell(v.Root, snapshot.Join(dir, name))
			if v.Signature(p).Exists() {
				break
			}
			seen.misses = append(seen.misses, p)
		}
	}
}

// isLibrary reports a file with the name of a shared library: NAME.so, NAME.so.1.
func isLibrary(p string) bool {
	name := path.Base(p)
	return strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.")
}

// folders are those that the loader searches first, in order.
func (d dynamic) folders(v *snapshot.Tree, origin string) (dirs []string) {
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
	if len(d.runpath) == 0 {
		add(d.rpath...)
	}
	add(ipc.EnvValue(v.Env, "LD_LIBRARY_PATH"))
	add(d.runpath...)
	return dirs
}

package compilation

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// libraryPaths knows where linkers look for libraries, by command, and which of them
// write dependency files.
type libraryPaths struct {
	spawner process.Spawner
	mu      sync.Mutex
	known   map[string][]string
	silent  map[string]bool
}

func newLibraryPaths(s process.Spawner) *libraryPaths {
	return &libraryPaths{spawner: s, known: make(map[string][]string), silent: make(map[string]bool)}
}

func (p *libraryPaths) reports(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.silent[key]
}

func (p *libraryPaths) reportsNone(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent[key] = true
}

// builtinLibraryDirs come last in the default script of GNU ld on the systems we
// know; a linker that does not search them is credited with a miss too many.
var builtinLibraryDirs = []string{"/usr/local/lib", "/lib", "/usr/lib"}

// of returns the folders in which a command's linker looks for libraries, in order.
func (p *libraryPaths) of(ctx context.Context, about *subject) ([]string, error) {
	p.mu.Lock()
	known, ok := p.known[about.key]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	args := append(slices.Clone(about.tool), "-print-search-dirs")
	o, err := p.spawner.Run(ctx, process.Task{Args: args, Dir: about.view.Root, Env: plainEnv(about.env), Timeout: askTimeout}, nil)
	if err != nil {
		return nil, err
	}
	dirs := libraryFolders(about.tool, about.env)
	reported := false
	for line := range strings.Lines(o.Output) {
		if list, ok := strings.CutPrefix(line, "libraries: ="); ok {
			reported = true
			dirs = append(dirs, filepath.SplitList(strings.TrimSpace(list))...)
		}
	}
	if !o.OK() || !reported {
		return nil, fmt.Errorf("%s -print-search-dirs did not say", args[0])
	}
	dirs = append(dirs, builtinLibraryDirs...)
	spelled := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		if dir = strings.TrimSuffix(snapshot.Spell(about.view.Root, dir), "/"); dir != "" && !slices.Contains(spelled, dir) {
			spelled = append(spelled, dir)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[about.key] = spelled
	return spelled, nil
}

// libraryFolders are those of -L and of LIBRARY_PATH.
func libraryFolders(args, env []string) (dirs []string) {
	for i, arg := range args {
		dir, ok := strings.CutPrefix(arg, "-L")
		if ok && dir == "" && i+1 < len(args) {
			dir = args[i+1]
		}
		if rest, found := strings.CutPrefix(arg, "-Wl,-L"); found {
			ok, dir = true, strings.TrimPrefix(rest, ",")
		}
		if ok && dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return append(dirs, filepath.SplitList(ipc.EnvValue(env, "LIBRARY_PATH"))...)
}

package compilation

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// askTimeout bounds a question to a tool about itself, some 40 ms at most by rights.
const askTimeout = 30 * time.Second

// searchPaths knows where compilers look for headers, by command. What a compiler
// says holds while the folders that it found missing are missing and those that it
// listed have the same names.
type searchPaths struct {
	spawner process.Spawner
	mu      sync.Mutex
	known   map[string]*searchPath
	asking  map[string]*sync.Mutex
}

func newSearchPaths(s process.Spawner) *searchPaths {
	return &searchPaths{spawner: s, known: make(map[string]*searchPath), asking: make(map[string]*sync.Mutex)}
}

// of returns the search path of a command, asking its compiler if need be.
func (p *searchPaths) of(ctx context.Context, about *subject) (*searchPath, error) {
	p.mu.Lock()
	one := p.asking[about.key]
	if one == nil {
		one = new(sync.Mutex)
		p.asking[about.key] = one
	}
	p.mu.Unlock()
	one.Lock()
	defer one.Unlock()
	p.mu.Lock()
	known := p.known[about.key]
	p.mu.Unlock()
	if known != nil && known.holds(about.view) {
		return known, nil
	}
	fresh, err := p.ask(ctx, about)
	if err == nil {
		p.mu.Lock()
		p.known[about.key] = fresh
		p.mu.Unlock()
	}
	return fresh, err
}

// ask preprocesses nothing, and reads what the compiler says about it.
func (p *searchPaths) ask(ctx context.Context, about *subject) (*searchPath, error) {
	args := append(withoutDirect(about.tool), "-E", "-v", "-x", about.recipe.Kind, os.DevNull, "-o", os.DevNull)
	o, err := p.spawner.Run(ctx, process.Task{Args: args, Dir: about.view.Root, Env: plainEnv(about.env), Timeout: askTimeout}, nil)
	if err != nil {
		return nil, err
	}
	s, ok := parseSearchPath(about.view.Root, o.Output)
	if !o.OK() || !ok {
		return nil, fmt.Errorf("%s -E -v did not say", args[0])
	}
	for _, dir := range slices.Concat(s.all(), s.same) {
		s.where = append(s.where, identify(about.view, dir))
	}
	for _, dir := range candidateFolders(o.Output) {
		dir = snapshot.Spell(about.view.Root, dir)
		if names := about.view.Names(dir); names != "" {
			s.listings = append(s.listings, cache.Listing{Dir: dir, Digest: names})
		}
	}
	return s, nil
}

// candidateFolders are the folders in which clang looked for installations of GCC: it
// takes the newest, so another one there may mean other headers.
func candidateFolders(output string) (dirs []string) {
	for line := range strings.Lines(output) {
		if found, ok := strings.CutPrefix(line, "Found candidate GCC installation: "); ok {
			if dir := path.Dir(path.Clean(strings.TrimSpace(found))); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// withoutDirect drops flags that make a compiler write files beside its output.
func withoutDirect(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if n, _ := takes(besideFlags, args[i:], false); n > 0 {
			i += n - 1
		} else if !hasFlag(namedFlags, args[i]) {
			out = append(out, args[i])
		}
	}
	return withoutDependencyFlags(out)
}

// plainEnv makes tools speak the language that we read.
func plainEnv(env []string) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "LC_ALL=") || strings.HasPrefix(kv, "LANGUAGE=")
	})
	return append(out, "LC_ALL=C")
}

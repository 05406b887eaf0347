package setup

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// listNames returns the names beneath dir that match a doublestar pattern, sorted,
// with forward slashes; "" matches all names directly in dir. It is what the digest
// of an [ipc.Listing] is taken over. Links to folders are names, but are not entered
// by "**". A folder that is not there has no names; one that cannot be read is an
// error, besides the names found elsewhere.
func listNames(dir, match string) ([]string, error) {
	g := glob(dir, match)
	return g.names, g.err
}

func glob(dir, match string) *globber {
	if match == "" {
		match = "*"
	}
	g := &globber{root: dir, match: match, odd: map[string]bool{}, deep: strings.Contains(match, "**")}
	g.depth = strings.Count(match, "/")
	g.walk("")
	sort.Strings(g.names)
	return g
}

// globber walks a folder as far as a pattern can reach.
type globber struct {
	root, match string
	deep        bool
	depth       int // slashes in the pattern
	names       []string
	odd         map[string]bool // names of other things than regular files: folders, links, sockets
	err         error
}

func (g *globber) walk(rel string) {
	entries, err := os.ReadDir(filepath.Join(g.root, filepath.FromSlash(rel)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) && g.err == nil {
		g.err = err
	}
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		if doublestar.MatchUnvalidated(g.match, name) {
			g.names = append(g.names, name)
			if !e.Type().IsRegular() {
				g.odd[name] = true
			}
		}
		if e.IsDir() && g.reaches(name) {
			g.walk(name)
		}
	}
}

// reaches reports whether the pattern may match something beneath a folder: its
// first elements must match the folder's.
func (g *globber) reaches(dir string) bool {
	slashes := strings.Count(dir, "/")
	if strings.ContainsRune(g.match, '{') {
		return g.deep || slashes < g.depth // an alternative may hold slashes
	}
	rest := g.match
	for range slashes + 1 {
		head, tail, more := strings.Cut(rest, "/")
		if head == "**" {
			return true
		}
		if !more {
			return false
		}
		element, after, _ := strings.Cut(dir, "/")
		if !doublestar.MatchUnvalidated(head, element) {
			return false
		}
		rest, dir = tail, after
	}
	return true
}

// splitPattern takes a pattern apart into the folder that it starts from and the
// rest, which is "" for a plain path.
func splitPattern(pattern string) (dir, match string) {
	if !hasMeta(pattern) {
		return unescapePattern(pattern), ""
	}
	dir, match = doublestar.SplitPattern(pattern)
	return unescapePattern(dir), match
}

func hasMeta(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*', '?', '[', '{':
			return true
		}
	}
	return false
}

// escapePattern makes a pattern that matches just this name.
func escapePattern(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(`\*?[]{},`, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

func unescapePattern(pattern string) string {
	if !strings.Contains(pattern, `\`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

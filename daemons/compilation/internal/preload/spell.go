package preload

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
)

// Reader makes observations of traces. It keeps each path once, however many traces
// have it; a set of a thousand units has some ten thousand different ones. It may be
// used by many goroutines.
type Reader struct {
	root string
	real string // root with its links resolved: what getcwd gives

	mu    sync.Mutex
	paths map[string]string
	// environ says which program files name the array of all variables, as they were.
	environ map[string]environUse
}

// NewReader returns a reader that spells paths relative to root, an absolute path.
func NewReader(root string) *Reader {
	r := &Reader{root: filepath.Clean(root), paths: make(map[string]string), environ: make(map[string]environUse)}
	if r.real = r.root; root != "" {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			r.real = real
		}
	}
	return r
}

// intern returns the spelling of a recorded path. r.mu is held.
func (r *Reader) intern(recorded []byte) string {
	short := r.relative(shorten(recorded))
	if s, ok := r.paths[string(short)]; ok {
		return s
	}
	s := string(short)
	r.paths[s] = s
	return s
}

// Spell is the spelling that observations have of an absolute path.
func (r *Reader) Spell(path string) string { return string(r.relative(shorten([]byte(path)))) }

func (r *Reader) relative(path []byte) []byte {
	for _, root := range [...]string{r.root, r.real} {
		if len(path) > len(root)+1 && path[len(root)] == '/' && string(path[:len(root)]) == root {
			return path[len(root)+1:]
		}
	}
	return path
}

// shorten takes out what never changes which file a path names: doubled slashes and "."
// elements. A slash at the end stays, or takes the place of "/.": it asks for a folder.
// It changes p.
func shorten(p []byte) []byte {
	if !bytes.Contains(p, []byte("//")) && !bytes.Contains(p, []byte("/.")) {
		return p
	}
	out := p[:0]
	for i := 0; i < len(p); {
		if p[i] != '/' {
			out = append(out, p[i])
			i++
			continue
		}
		for i < len(p) && p[i] == '/' {
			if i++; i < len(p) && p[i] == '.' && (i+1 == len(p) || p[i+1] == '/') {
				i++
			}
		}
		out = append(out, '/')
	}
	return out
}

// withoutSlash is a folder's path without the slash at its end.
func withoutSlash(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

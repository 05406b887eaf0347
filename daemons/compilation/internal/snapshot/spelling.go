package snapshot

import (
	"path/filepath"
	"strings"
)

// Spell gives a path that a compiler printed the form in which it is kept: relative
// to the root where it lies beneath it, without ./ and doubled slashes, but with its
// ".." elements, because a/../b is not b if a is a link.
func Spell(root, p string) string {
	p = filepath.ToSlash(p)
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	p = WithoutProc(p)
	if rest, ok := strings.CutPrefix(p, root+"/"); ok && rest != "" {
		p = rest
	}
	for strings.HasPrefix(p, "./") && len(p) > 2 {
		p = p[2:]
	}
	return p
}

// WithoutProc resolves names in /proc/self as the process that used them did. It runs in
// the root.
func WithoutProc(p string) string {
	for {
		if rest, ok := strings.CutPrefix(p, "/proc/self/cwd/"); ok && rest != "" {
			p = rest
		} else if rest, ok := strings.CutPrefix(p, "/proc/self/root/"); ok {
			p = "/" + rest
		} else {
			return p
		}
	}
}

// Join is path.Join without resolving "..".
func Join(dir, name string) string {
	if dir == "." || filepath.IsAbs(name) {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

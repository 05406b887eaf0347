package compilation

import (
	"path/filepath"
	"strings"
)

// spell gives a path that a compiler printed the form in which it is kept: relative
// to the root where it lies beneath it, without ./ and doubled slashes, but with its
// ".." elements, because a/../b is not b if a is a link.
func spell(root, p string) string {
	p = filepath.ToSlash(p)
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	p = withoutProc(p)
	if rest, ok := strings.CutPrefix(p, root+"/"); ok && rest != "" {
		p = rest
	}
	for strings.HasPrefix(p, "./") && len(p) > 2 {
		p = p[2:]
	}
	return p
}

// withoutProc resolves names in /proc/self as the process that used them did. It runs in
// the root.
func withoutProc(p string) string {
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

// join is path.Join without resolving "..".
func join(dir, name string) string {
	if dir == "." || filepath.IsAbs(name) {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

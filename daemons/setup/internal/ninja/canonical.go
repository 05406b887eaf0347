package ninja

import "strings"

// Canonical returns the one spelling of a path by which nodes are known: without "//", "/./",
// "x/.." and a "/" at the end. It looks at no file, so symbolic links do not count. The
// path must not be empty.
func Canonical(path string) string {
	if isCanonical(path) {
		return path
	}
	root := strings.HasPrefix(path, "/")
	var parts []string
	kept := 0 // leading ".." that nothing takes away
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			parts = append(parts, part)
		case len(parts) > kept:
			parts = parts[:len(parts)-1]
		default:
			parts = append(parts, part)
			kept++
		}
	}
	joined := strings.Join(parts, "/")
	switch {
	case root:
		return "/" + joined
	case joined == "":
		return "."
	}
	return joined
}

// isCanonical is true only if nothing has to be done; it is asked for every path of a
// manifest, most of them canonical already.
func isCanonical(path string) bool {
	rest := path
	if rest[0] == '/' {
		rest = rest[1:]
		if rest == "" {
			return true
		}
	}
	if rest[0] == '/' || rest[0] == '.' && (len(rest) == 1 || rest[1] == '/' || rest[1] == '.') {
		return path == "."
	}
	for {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return true
		}
		rest = rest[i+1:]
		if rest == "" || rest[0] == '/' || rest[0] == '.' {
			return false // "/.x" is canonical too, and seldom
		}
	}
}

// ShellEscape quotes a path for a POSIX shell if it needs that.
func ShellEscape(path string) string {
	for i := range len(path) {
		if !shellSafe[path[i]] {
			return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
		}
	}
	return path
}

// shellSafe are the bytes without a special meaning in a shell.
var shellSafe = func() (safe [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-./") {
		safe[c] = true
	}
	return safe
}()

package portable

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Roots are the folders whose names must not matter.
type Roots struct{ list []root }

type root struct {
	path, marker string
	home         bool
}

// NewRoots takes absolute folders: the project's, then the source folder of a build folder. The
// order must be the same in each tree, because it makes the markers. Empty and equal ones are
// left out.
func NewRoots(folders ...string) Roots {
	var r Roots
	for i, path := range folders {
		path = strings.TrimRight(path, "/")
		if path == "" || slices.ContainsFunc(r.list, func(o root) bool { return o.path == path }) {
			continue
		}
		// No name of a file and no argument contains a zero byte.
		r.list = append(r.list, root{path: path, marker: "\x00" + strconv.Itoa(i) + "\x00"})
	}
	return r.sorted()
}

// homeMarker stands for the home folder of a user.
const homeMarker = "\x00h\x00"

// WithHome returns the roots and the home folder of a user, which is another one for the next
// user. Compilers look into it where a PATH leads there. "" and "/" are left out.
func (r Roots) WithHome(home string) Roots {
	home = strings.TrimRight(home, "/")
	if home == "" || !strings.HasPrefix(home, "/") || slices.ContainsFunc(r.list, func(o root) bool { return o.path == home }) {
		return r
	}
	return Roots{append(slices.Clone(r.list), root{path: home, marker: homeMarker, home: true})}.sorted()
}

// WithoutHome is the opposite of [Roots.WithHome].
func (r Roots) WithoutHome() Roots {
	return Roots{slices.DeleteFunc(slices.Clone(r.list), func(o root) bool { return o.home })}
}

func (r Roots) sorted() Roots {
	slices.SortStableFunc(r.list, func(a, b root) int { return cmp.Compare(len(b.path), len(a.path)) })
	return r
}

// InHome reports whether a marked path lies in the home folder.
func InHome(marked string) bool { return strings.HasPrefix(marked, homeMarker) }

// Mark replaces the roots in a text by their markers, the longest first. A root counts where
// no longer name contains it: "/a/b" is in "/a/b/c" and in "X=/a/b", not in "/a/bc" or
// "/x/a/b".
func (r Roots) Mark(text string) string {
	for _, root := range r.list {
		text = root.mark(text)
	}
	return text
}

// MarkArg is [Roots.Mark] for an argument, which may be a flag joined with a path.
func (r Roots) MarkArg(arg string) string {
	for _, flag := range joinedFlags {
		if path, ok := strings.CutPrefix(arg, flag); ok && strings.HasPrefix(path, "/") {
			return flag + r.Mark(path)
		}
	}
	return r.Mark(arg)
}

// joinedFlags take a path without a character in between.
var joinedFlags = []string{"-I", "-L", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-MF", "-MT", "-MQ"}

// MarkArgs is [Roots.MarkArg] for each argument.
func (r Roots) MarkArgs(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = r.MarkArg(arg)
	}
	return out
}

func (r root) mark(text string) string {
	for i := r.next(text, 0); i >= 0; i = r.next(text, i+len(r.marker)) {
		text = text[:i] + r.marker + text[i+len(r.path):]
	}
	return text
}

// next is where the root counts next in a text, at from or behind it; -1 if it does not.
func (r root) next(text string, from int) int {
	for {
		i := strings.Index(text[from:], r.path)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(r.path)
		if !(i > 0 && isNamePart(text[i-1]) || end < len(text) && isNamePart(text[end]) && text[end] != '/') {
			return i
		}
		from = i + 1
	}
}

// Names reports whether [Roots.Mark] would change a text.
func (r Roots) Names(text string) bool {
	return slices.ContainsFunc(r.list, func(root root) bool { return root.next(text, 0) >= 0 })
}

// isNamePart reports whether a byte beside a path makes it a part of a longer one. Quotes,
// spaces, "=", ":" and the like end a path in command lines, dependency files and
// diagnostics.
func isNamePart(c byte) bool {
	return c == '/' || c == '.' || c == '-' || c == '_' || c == '+' || c == '~' || c == '\\' || c >= 0x80 ||
		c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Template is [Roots.Mark] for the content of a file or for diagnostics. ok is false if the
// text cannot be expanded for other roots: because it contains zero bytes or a root as a part
// of a longer name, or because a root may be written with escapes.
func (r Roots) Template(text string) (template string, ok bool) {
	if text == "" {
		return "", true
	}
	if strings.ContainsRune(text, 0) || r.escaped() {
		return "", false
	}
	template = r.Mark(text)
	return template, !r.In(template)
}

// escaped reports whether some root has a character that dependency files or diagnostics may
// write with an escape.
func (r Roots) escaped() bool {
	return slices.ContainsFunc(r.list, func(root root) bool {
		return strings.ContainsFunc(root.path, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/._-+@,=~", c))
		})
	})
}

// Expand puts these roots in the places of the markers.
func (r Roots) Expand(template string) string {
	for _, root := range r.list {
		template = strings.ReplaceAll(template, root.marker, root.path)
	}
	return template
}

// In reports whether a root occurs anywhere in a text, bounded or not.
func (r Roots) In(text string) bool {
	return slices.ContainsFunc(r.list, func(root root) bool { return strings.Contains(text, root.path) })
}

// String lists the folders.
func (r Roots) String() string {
	paths := make([]string, len(r.list))
	for i, root := range r.list {
		paths[i] = root.path
	}
	return strings.Join(paths, ":")
}

// Longest is the length of the longest root.
func (r Roots) Longest() int {
	if len(r.list) == 0 {
		return 0
	}
	return len(r.list[0].path)
}

// MapsTo returns the prefix maps that have a compiler write another name for each root,
// beneath the folder elsewhere. What comes out the same with them does not depend on the
// names of the roots.
func (r Roots) MapsTo(elsewhere string) (maps []string) {
	// A compiler takes the last map that fits, so the longest root comes last.
	for i, root := range slices.Backward(r.list) {
		maps = append(maps, "-ffile-prefix-map="+root.path+"="+elsewhere+"/"+strconv.Itoa(i))
	}
	return maps
}

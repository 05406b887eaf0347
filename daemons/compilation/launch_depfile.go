package compilation

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
)

// A dependency file consists of a target, which depends on the names of outputs, and of names of
// inputs. A compiler breaks its lines by the length of all of them. So the file for another
// target can be written without the compiler if it is known how this compiler breaks lines.

// depfileStyle is how a compiler breaks the lines of a dependency file.
type depfileStyle string

const (
	gccStyle   depfileStyle = "gcc"
	clangStyle depfileStyle = "clang"
)

// Columns after which a line is broken: colmax of gcc's libcpp/mkdeps.cc, and MaxColumns of
// clang's lib/Frontend/DependencyFile.cpp, where two are kept for the backslash.
const (
	gccColumns   = 72
	clangColumns = 75
)

// render writes a rule. It is exact for names that need no quotes.
func (s depfileStyle) render(target string, names []string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s:", target)
	column := len(target) + 1
	for _, name := range names {
		switch {
		case s == gccStyle && column+len(name) > gccColumns:
			out.WriteString(" \\\n")
			column = 0
		case s == clangStyle && column+1+len(name)+2 > clangColumns:
			out.WriteString(" \\\n ")
			column = 2
		}
		out.WriteString(" " + name)
		column += 1 + len(name)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// retarget returns the text of a dependency file with another target. ok is false unless render
// makes the same text with the target that is there.
func (s depfileStyle) retarget(text []byte, from, to string) (out []byte, ok bool) {
	end := 0
	for { // the end of the first rule is a line end without a backslash
		n := bytes.IndexByte(text[end:], '\n')
		if n < 0 {
			return nil, false
		}
		end += n + 1
		if end < 2 || text[end-2] != '\\' {
			break
		}
	}
	rule, ok := bytes.CutPrefix(text[:end], []byte(from+":"))
	if !ok || bytes.ContainsAny(rule, "$#") {
		return nil, false
	}
	rule = bytes.ReplaceAll(rule, []byte("\\\n"), nil)
	if bytes.IndexByte(rule, '\\') >= 0 {
		return nil, false
	}
	names := strings.Fields(string(rule))
	if !bytes.Equal(s.render(from, names), text[:end]) {
		return nil, false
	}
	return append(s.render(to, names), text[end:]...), true
}

// depfileName is the name of a dependency file in an entry whose key has no target.
func depfileName(style depfileStyle, target string) string {
	return unnamedDepfile + " " + string(style) + " " + target
}

// depfileTarget is the reverse of depfileName.
func depfileTarget(name string) (style depfileStyle, target string, ok bool) {
	parts := strings.SplitN(name, " ", 3)
	if len(parts) != 3 || parts[0] != unnamedDepfile {
		return "", "", false
	}
	return depfileStyle(parts[1]), parts[2], true
}

// prepareOutput makes the temporary file of one output of a hit.
func (l *launch) prepareOutput(o cache.Output, path string) (temporary string, err error) {
	o = l.withPermissions(o)
	style, target, ok := depfileTarget(o.Name)
	if !ok || target == l.unnamed.Target {
		return l.s.store.Prepare(o, path)
	}
	text, err := l.s.store.Read(o)
	if err != nil {
		return "", err
	}
	text, ok = style.retarget(text, target, l.unnamed.Target)
	if !ok {
		return "", fmt.Errorf("%w: the target of %s cannot be replaced", cache.ErrDamaged, o.Name)
	}
	return l.s.store.PrepareText(text, o.Mode, path)
}

// nameDepfile is the name for the dependency file that a command made in an entry whose key has no
// names of outputs. It is "" if the file is one for these names only.
func (m *missed) nameDepfile(file madeFile) string {
	gcc := m.ranProgram("cc1")
	switch {
	case m.unnamed.Target == "" || m.unnamed.OfSource && gcc:
		return unnamedDepfile
	case !gcc && !m.ranProgram("clang"):
		return ""
	}
	style := clangStyle
	if gcc {
		style = gccStyle
	}
	text, err := io.ReadAll(io.NewSectionReader(file.file, 0, file.info.Size()))
	if err != nil {
		return ""
	}
	if _, ok := style.retarget(text, m.unnamed.Target, m.unnamed.Target); !ok {
		return ""
	}
	return depfileName(style, m.unnamed.Target)
}

// ranProgram reports whether one of the programs that ran has a name that begins so.
func (m *missed) ranProgram(prefix string) bool {
	return slices.ContainsFunc(m.tools, func(p string) bool { return strings.HasPrefix(filepath.Base(p), prefix) })
}

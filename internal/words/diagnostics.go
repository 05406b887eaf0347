package words

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/internal/termtext"
)

// Diagnostic is one error of a compiler or linker. Line and Column count from 1; they
// are 0 and File is "" where the tool names no place.
type Diagnostic struct {
	File    string
	Line    int
	Column  int
	Message string
}

var (
	// placed matches "src/a.cpp:60:15: error: expected expression" of gcc and clang.
	placed = lazily(`^(.+?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$`)
	// named matches "ld.lld: error: undefined symbol: f()", "clang++: error: …" and
	// "LLVM ERROR: IO failure on output stream: No space left on device".
	named = lazily(`^(?:[^ :]+: (?:fatal )?error|LLVM ERROR): (.*)$`)
	// undefined matches what GNU ld says of a missing symbol.
	undefined = lazily(`(undefined reference to .*)$`)
)

// lazily compiles an expression when it is first needed, not at each start of the program.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// FirstError finds the first error in what a compiler or linker printed.
func FirstError(diagnostics string) (d Diagnostic, found bool) {
	for line := range strings.Lines(diagnostics) {
		line = termtext.Line(strings.TrimRight(line, "\r\n"))
		if m := placed().FindStringSubmatch(line); m != nil {
			row, _ := strconv.Atoi(m[2])
			column, _ := strconv.Atoi(m[3])
			return Diagnostic{File: m[1], Line: row, Column: column, Message: m[4]}, true
		}
		if m := named().FindStringSubmatch(line); m != nil {
			return Diagnostic{Message: m[1]}, true
		}
		if m := undefined().FindStringSubmatch(line); m != nil {
			return Diagnostic{Message: m[1]}, true
		}
	}
	return Diagnostic{}, false
}

// Text is the error in a few words, beside the name of source: "60:15 expected
// expression", or "a.h:3:1 unknown type" for an error in another file.
func (d Diagnostic) Text(source string) string {
	if d.Line == 0 {
		return d.Message
	}
	place := strconv.Itoa(d.Line)
	if d.Column > 0 {
		place += ":" + strconv.Itoa(d.Column)
	}
	if path.Base(d.File) != path.Base(source) {
		place = path.Base(d.File) + ":" + place
	}
	return fmt.Sprintf("%s %s", place, d.Message)
}

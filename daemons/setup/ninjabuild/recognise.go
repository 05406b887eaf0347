package ninjabuild

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// Recognised is a command that the compilation service can run: one compile or one link by a
// compiler's driver, or one archive, or a line of other programs for a shell. The service's
// command of the former has the same arguments in the same order, except that -o and -c may stand
// elsewhere.
type Recognised struct {
	Program  string      // the driver or the archiver, as the command names it; "" of a line
	Archiver bool        // it is an archiver
	Cheap    bool        // a line whose programs run no longer than it takes to ask about it
	Command  ipc.Command // Lang is not filled in
	Action   ipc.Action
}

// Recognise says how the compilation service can run a command, and reports whether it
// can. If it is not certain, the shell runs the command.
func Recognise(c Command) (r Recognised, ok bool) {
	if c.Console || c.Generator || c.Deps == "msvc" || len(c.Outputs) == 0 {
		return r, false
	}
	r.Action = ipc.Action{ID: "edge:" + c.Outputs[0], Target: c.Outputs[0], Outputs: []string{c.Outputs[0]}}
	if c.Rspfile == "" && len(c.Outputs) == 1 && r.toolchain(c) {
		return r, true
	}
	r = Recognised{Action: ipc.Action{ID: r.Action.ID, Target: r.Action.Target}}
	return r, r.command(c)
}

// toolchain reads a compile, an archive or a link.
func (r *Recognised) toolchain(c Command) bool {
	line := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(c.Line), ": && "), " && :")
	words, ok := splitWords(line)
	if !ok {
		return r.archive(line, c.Inputs)
	}
	if len(words) < 4 || !driverName().MatchString(filepath.Base(words[0])) || slices.ContainsFunc(withoutHeader(words[1:], c.Outputs[0]), refused) {
		return false
	}
	r.Program = words[0]
	if slices.Contains(words, "-c") {
		return r.compile(words[1:])
	}
	return r.link(words[1:], c.Inputs)
}

// compile reads ARGS and, as the last four words, -c, -o OBJECT and SOURCE as CMake and Meson
// write them ("-o OBJECT -c SOURCE"), GN and ninja's manual ("-c SOURCE -o OBJECT"), or make
// ("-c -o OBJECT SOURCE").
func (r *Recognised) compile(args []string) bool {
	n := len(args) - 4
	if n < 0 || slices.Contains(args[:n], "-c") || slices.Contains(args[:n], "-o") {
		return false
	}
	var source string
	object := r.Action.Output()
	switch last := args[n:]; {
	case last[0] == "-o" && last[1] == object && last[2] == "-c":
		source = last[3]
	case last[0] == "-c" && last[2] == "-o" && last[3] == object:
		source = last[1]
	case last[0] == "-c" && last[1] == "-o" && last[2] == object:
		source = last[3]
	}
	if !isSource(source) && !(isPrecompiled(object) && isHeader(source)) {
		return false
	}
	r.Action.Kind, r.Action.Source, r.Command.Args = ipc.ActionCompile, source, args[:n]
	return true
}

// link reads "ARGS -o OUTPUT INPUTS LIBS" or "ARGS INPUTS -o OUTPUT LIBS".
func (r *Recognised) link(args, inputs []string) bool {
	at := slices.Index(args, "-o")
	if at < 0 || at+1 >= len(args) || args[at+1] != r.Action.Output() {
		return false
	}
	rest := slices.Concat(args[:at], args[at+2:])
	isInput := func(arg string) bool { return slices.Contains(inputs, arg) }
	first := slices.IndexFunc(rest, isInput)
	if first < 0 || slices.Contains(rest, "-o") {
		return false
	}
	last := first
	for last < len(rest) && isInput(rest[last]) {
		last++
	}
	r.Action.Kind, r.Action.Inputs = ipc.ActionLink, rest[first:last]
	r.Command.Args, r.Command.Libs = rest[:first], rest[last:]
	return true
}

// driverName is what drivers of clang and gcc are called.
var driverName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.*-)?(clang\+\+|clang|g\+\+|gcc|c\+\+|cc)(-[0-9.]+)?$`)
})

// refused reports an argument with which the driver does something else than to compile
// or link, or which the order of arguments matters to.
func refused(arg string) bool {
	switch arg {
	case "-E", "-S", "-M", "-MM", "-fsyntax-only", "-###", "-v", "--version", "-x", "-r", "-":
		return true
	}
	return strings.HasPrefix(arg, "@") || strings.HasPrefix(arg, "-frecord-") || strings.HasPrefix(arg, "-grecord-")
}

// withoutHeader leaves out "-x c++-header" of a command that makes a precompiled header, as CMake
// writes it: that is a compile like others.
func withoutHeader(args []string, output string) []string {
	i := slices.Index(args, "-x")
	if !isPrecompiled(output) || i < 0 || i+1 == len(args) || args[i+1] != "c++-header" && args[i+1] != "c-header" {
		return args
	}
	return slices.Concat(args[:i], args[i+2:])
}

// isPrecompiled reports a precompiled header by its name.
func isPrecompiled(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".gch" || ext == ".pch"
}

// isHeader reports a header in C or C++ by its name. Meson has those precompiled themselves.
func isHeader(name string) bool {
	switch filepath.Ext(name) {
	case ".h", ".hh", ".hpp", ".hxx", ".H", ".h++", ".hp":
		return !strings.HasPrefix(name, "-")
	}
	return false
}

// isSource reports a source in C, C++ or assembler by its name.
func isSource(name string) bool {
	switch filepath.Ext(name) {
	case ".c", ".cc", ".cpp", ".cxx", ".C", ".c++", ".cp", ".S", ".sx", ".s":
		return !strings.HasPrefix(name, "-")
	}
	return false
}

// splitWords splits a command line as a shell does, if it is one simple command without
// expansions: the words are what the program gets.
func splitWords(line string) (words []string, ok bool) {
	var word strings.Builder
	inWord := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
			continue
		case c == '\\':
			i++
			if i == len(line) || line[i] == '\n' {
				return nil, false
			}
			word.WriteByte(line[i])
		case c == '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			word.WriteString(line[i+1 : i+1+end])
			i += end + 1
		case c == '"':
			text, n, closed := doubleQuoted(line[i+1:])
			if !closed {
				return nil, false
			}
			word.WriteString(text)
			i += n
		case strings.IndexByte(";&|<>()$`*?[]#~!{}\n", c) >= 0, c == '=' && len(words) == 0:
			return nil, false
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, len(words) > 0
}

// doubleQuoted reads up to the closing quote; n is the length with it.
func doubleQuoted(rest string) (text string, n int, closed bool) {
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			return b.String(), i + 1, true
		case c == '$' || c == '`':
			return "", 0, false
		case c == '\\' && i+1 < len(rest) && strings.IndexByte("\\\"$`", rest[i+1]) >= 0:
			i++
			b.WriteByte(rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

package ninjabuild

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// archive reads the two lines by which CMake and Meson make a static library anew:
//
//	CMAKE -E rm -f LIB && AR qc LIB OBJECTS && RANLIB LIB
//	rm -f LIB && AR csrD LIB OBJECTS
//
// The service runs AR alone, on a new file. The letter s has it write the index, which is all
// that RANLIB would do.
func (r *Recognised) archive(line string, inputs []string) bool {
	commands, ok := splitCommands(line)
	if !ok || len(commands) < 2 || !removes(commands[0], r.Action.Output()) {
		return false
	}
	ar := commands[1]
	if len(ar) < 4 || !archiverName().MatchString(filepath.Base(ar[0])) || !newArchive().MatchString(ar[1]) || isThin(ar[1]) || ar[2] != r.Action.Output() ||
		slices.ContainsFunc(ar[3:], func(arg string) bool { return !slices.Contains(inputs, arg) || strings.HasPrefix(arg, "@") }) {
		return false
	}
	operation := ar[1]
	switch {
	case len(commands) == 3 && isRanlib(commands[2], ar[0], r.Action.Output()):
		operation = strings.ReplaceAll(operation, "s", "") + "s"
	case len(commands) != 2:
		return false
	}
	r.Program, r.Archiver, r.Command.Args = ar[0], true, []string{operation}
	r.Action.Kind, r.Action.Inputs = ipc.ActionArchive, ar[3:]
	return true
}

// splitCommands splits a line of simple commands with && between them into their words.
func splitCommands(line string) (commands [][]string, ok bool) {
	for part := range strings.SplitSeq(line, " && ") {
		words, ok := splitWords(part)
		if !ok {
			return nil, false
		}
		commands = append(commands, words)
	}
	return commands, true
}

// removes reports whether a command removes a file, and does no more.
func removes(words []string, file string) bool {
	if len(words) < 3 || words[len(words)-1] != file {
		return false
	}
	before := strings.Join(words[1:len(words)-1], " ")
	switch base := filepath.Base(words[0]); {
	case base == "rm":
		return before == "-f"
	case cmakeName().MatchString(base):
		return before == "-E rm -f" || before == "-E remove"
	}
	return false
}

// isRanlib reports whether a command is the ranlib that belongs to an archiver, and writes the
// index of the archive.
func isRanlib(words []string, archiver, archive string) bool {
	i := strings.LastIndex(archiver, "ar")
	return len(words) == 2 && words[0] == archiver[:i]+"ranlib"+archiver[i+len("ar"):] && words[1] == archive
}

// archiverName is what the archivers of GNU and LLVM are called; gcc-ar and llvm-ar's other
// names are not among them.
var archiverName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^((\w+-\w+-)?(\w+-)?\w+-gnu\w*-)?(ar|llvm-ar)(-[0-9.]+)?$`)
})

// newArchive is an operation that makes an archive of its inputs alone: q or r, with c, s, D and
// T. With u the result depends on times.
var newArchive = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[csDT]*[qr][csDT]*$`)
})

// isThin reports the operation of a thin archive. It has the names of its members, relative to its
// folder, and must be made under its own name; GNU ar makes wrong ones for an archive with an absolute
// name. So it is a command for the shell. A link opens the members themselves, and the tracer sees
// them.
func isThin(operation string) bool { return strings.Contains(operation, "T") }

var cmakeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^cmake(-?[0-9.]+)?$`) })

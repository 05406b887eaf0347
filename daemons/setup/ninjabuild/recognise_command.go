package ninjabuild

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// command says how far the result of any other command may be used again. What a tracer cannot
// see of such a command, and what it does beside its outputs, must not matter: what is known to
// call further builds, to ask other machines or to run until somebody ends it stays with the shell.
func (r *Recognised) command(c Command) bool {
	if !hasShell || isAlwaysRun(c) {
		return false
	}
	lines, ok := splitLine(c.Line)
	all := func(is func(words []string) bool) bool {
		return !slices.ContainsFunc(lines, func(words []string) bool { return !is(words) })
	}
	moves := !all(func(words []string) bool { return words[0] != "cd" })
	linked := func(program string) bool {
		return c.Linked != nil && (filepath.IsAbs(program) || !moves) && c.Linked(program)
	}
	switch {
	case !ok:
		return false
	case all(func(words []string) bool { return isPure(words, linked) }):
		r.Action.Reuse = ipc.ReuseStored
	case all(func(words []string) bool { return isGenerator(words, linked) }):
		r.Action.Reuse = ipc.ReuseInPlace
	default:
		return false
	}
	r.Cheap = all(isCheap)
	r.Action.Kind, r.Action.Args = ipc.ActionCommand, []string{shell, "-c", c.Line}
	r.Action.Outputs, r.Action.Inputs = c.Outputs, c.Inputs
	if c.Rspfile != "" {
		r.Action.Inputs = append(slices.Clone(c.Inputs), c.Rspfile)
	}
	if c.Deps == "gcc" && c.HasDeps {
		r.Action.Depfile = c.Depfile
	}
	return true
}

// isAlwaysRun reports an edge that stands for work and not for a file: one that runs in each build,
// or a custom target of CMake's, whose output CMakeFiles/NAME is never made.
func isAlwaysRun(c Command) bool {
	out := c.Outputs[0]
	return c.Always || path.Base(path.Dir(out)) == "CMakeFiles" && path.Ext(out) == ""
}

// isPure reports a command that makes the same of the same files each time, and does nothing
// else. linked reports a program that a link of this manifest makes.
func isPure(words []string, linked func(program string) bool) bool {
	if isSymbolExtractor(words) {
		return true
	}
	if words = withoutWrapper(words); len(words) == 0 {
		return false
	}
	base := filepath.Base(words[0])
	switch {
	case cmakeName().MatchString(base):
		return isPureCMake(words[1:])
	case base == "protoc":
		return !slices.ContainsFunc(words[1:], ofPlugin)
	case isArchiver(words):
		return strings.Contains(words[1], "D") // else it may write times
	case pureTools[versionless(base)]:
		return true
	case driverName().MatchString(base):
		return true // whatever it writes under which name is seen
	}
	return linked(words[0])
}

// isArchiver reports an archiver that makes an archive of its inputs: one that is none yet, for else
// it reads its own output.
func isArchiver(words []string) bool {
	base := filepath.Base(words[0])
	return len(words) > 3 && newArchive().MatchString(words[1]) && (archiverName().MatchString(base) || versionless(base) == "gcc-ar")
}

// isSymbolExtractor reports Meson's program that writes the symbols of a shared library.
func isSymbolExtractor(words []string) bool {
	i := slices.Index(words, "--internal")
	return i > 0 && i+1 < len(words) && words[i+1] == "symbolextractor" && strings.HasPrefix(filepath.Base(words[i-1]), "meson")
}

// pureTools are programs that are known to be pure: those of POSIX that copy and change texts, and
// generators of sources.
var pureTools = map[string]bool{
	":": true, "true": true, "cd": true, "echo": true, "printf": true, "cat": true, "cp": true, "mv": true, "rm": true, "mkdir": true, "ln": true, "touch": true,
	"chmod": true, "install": true, "sed": true, "sort": true, "tr": true, "cut": true, "head": true, "tail": true, "grep": true, "cmp": true,
	"strip": true, "objcopy": true, "llvm-strip": true, "llvm-objcopy": true, "xxd": true,
	"flex": true, "lex": true, "bison": true, "yacc": true, "byacc": true, "re2c": true, "ragel": true, "gperf": true, "m4": true,
	"moc": true, "uic": true, "rcc": true, "wayland-scanner": true,
}

// isCheap reports a program that is over in some milliseconds.
func isCheap(words []string) bool {
	base := filepath.Base(words[0])
	return cmakeName().MatchString(base) || slices.Contains([]string{
		":", "true", "cd", "echo", "printf", "cat", "cp", "mv", "rm", "mkdir", "ln", "chmod", "install", "touch"}, base)
}

// versionless is a program's name without the version and the triple that distributions add:
// moc-qt5, bison-3.8, x86_64-linux-gnu-strip.
func versionless(base string) string {
	if name, _, found := strings.Cut(base, "-qt"); found {
		return name
	}
	if i := strings.LastIndex(base, "-gnu-"); i >= 0 {
		base = base[i+len("-gnu-"):]
	}
	return strings.TrimSuffix(strings.TrimRight(base, "0123456789."), "-")
}

// ofPlugin reports an argument that has protoc run another program: --plugin, or the output of a
// language that is not its own.
func ofPlugin(arg string) bool {
	if strings.HasPrefix(arg, "--plugin") {
		return true
	}
	flag, _, _ := strings.Cut(arg, "=")
	language, isOutput := strings.CutSuffix(strings.TrimPrefix(flag, "--"), "_out")
	return isOutput && strings.HasPrefix(arg, "--") && !slices.Contains([]string{
		"cpp", "csharp", "java", "js", "kotlin", "objc", "php", "pyi", "python", "ruby", "rust", "descriptor_set", "dependency"}, language)
}

// isPureCMake reports a use of cmake -E that is pure.
func isPureCMake(args []string) bool {
	if len(args) < 2 || args[0] != "-E" {
		return false
	}
	switch args[1] {
	case "copy", "copy_if_different", "copy_directory", "copy_directory_if_different", "echo", "cat", "touch", "make_directory", "remove", "rm", "rename", "true",
		"create_symlink", "create_hardlink", "compare_files", "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum":
		return true
	}
	return false
}

// withoutWrapper leaves out what only has another program run: cmake -E env, and Meson's wrapper
// that captures the output.
func withoutWrapper(words []string) []string {
	if len(words) > 3 && cmakeName().MatchString(filepath.Base(words[0])) && words[1] == "-E" && words[2] == "env" {
		rest := words[3:]
		for len(rest) > 0 && (strings.Contains(rest[0], "=") || rest[0] == "--") {
			rest = rest[1:]
		}
		return withoutWrapper(rest)
	}
	i := slices.Index(words, "--internal")
	if i < 1 || i+2 >= len(words) || words[i+1] != "exe" || !strings.HasPrefix(filepath.Base(words[i-1]), "meson") {
		return words
	}
	if at := slices.Index(words, "--"); at > i {
		return withoutWrapper(words[at+1:])
	}
	return nil // what it runs is in a file
}

// isGenerator reports a program that may be skipped if nothing that it read has changed: a script
// of a language for scripts.
func isGenerator(words []string, linked func(string) bool) bool {
	if isPure(words, linked) {
		return true
	}
	if words = withoutWrapper(words); len(words) < 2 {
		return false
	}
	if isArchiver(words) {
		return true
	}
	name := versionless(filepath.Base(words[0]))
	switch {
	case name == "python" || name == "perl" || name == "ruby" || name == "awk" || name == "gawk" || name == "mawk" || name == "tclsh" || name == "lua":
		return !slices.ContainsFunc(words[1:], callsOthers)
	case name == "protoc", strings.HasSuffix(name, "ranlib"):
		return true
	}
	return strings.HasPrefix(name, "glib-") || name == "gdbus-codegen" || name == "xsltproc" || name == "gresource"
}

// callsOthers reports an argument by which an interpreter does something else than to generate
// files: modules that install, test or build.
func callsOthers(arg string) bool {
	switch base := strings.TrimSuffix(filepath.Base(arg), filepath.Ext(arg)); base {
	case "pip", "setup", "build", "venv", "virtualenv", "pytest", "unittest", "scons", "meson", "ninja", "cmake", "conan", "waf", "http", "prove":
		return true
	}
	return false
}

// splitLine splits a line of simple commands without expansions, with && between them, into what
// each program gets; where input comes from and output goes to is left out. A line that adds to
// the end of a file is none.
func splitLine(line string) (commands [][]string, ok bool) {
	for part := range splitAnd(line) {
		plain, ok := withoutRedirections(part)
		if !ok {
			return nil, false
		}
		if plain = strings.TrimSpace(plain); plain == ":" {
			continue
		}
		words, ok := splitWords(plain)
		if !ok {
			return nil, false
		}
		commands = append(commands, words)
	}
	return commands, len(commands) > 0
}

// splitAnd yields what stands between the unquoted && of a line.
func splitAnd(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i := 0; i < len(line); i = nextPart(line, i) {
			if strings.HasPrefix(line[i:], "&&") {
				if !yield(line[start:i]) {
					return
				}
				i++
				start = i + 1
			}
		}
		yield(line[start:])
	}
}

// nextPart is where the next character of a line begins that is not quoted together with the one
// at i.
func nextPart(line string, i int) int {
	switch line[i] {
	case '\\':
		return i + 2
	case '\'':
		if end := strings.IndexByte(line[i+1:], '\''); end >= 0 {
			return i + end + 2
		}
		return len(line)
	case '"':
		for i++; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' {
				i++
			}
		}
	}
	return i + 1
}

// withoutRedirections leaves out the redirections of a simple command: < FILE, > FILE, 2> FILE and
// 2>&1.
func withoutRedirections(part string) (plain string, ok bool) {
	var out strings.Builder
	for i := 0; i < len(part); {
		if part[i] != '<' && part[i] != '>' {
			next := min(nextPart(part, i), len(part))
			out.WriteString(part[i:next])
			i = next
			continue
		}
		text := out.String()
		if cut := strings.TrimRight(text, "012"); cut == "" || strings.HasSuffix(cut, " ") {
			text = cut // the number of a descriptor
		}
		out.Reset()
		out.WriteString(text + " ")
		i++
		rest := part[i:]
		switch {
		case strings.HasPrefix(rest, "&1"), strings.HasPrefix(rest, "&2"):
			i += 2
			continue
		case rest == "", strings.ContainsRune("<>&|(", rune(rest[0])):
			return "", false
		}
		for i < len(part) && (part[i] == ' ' || part[i] == '\t') {
			i++
		}
		begin := i
		for i < len(part) && strings.IndexByte(" \t<>", part[i]) < 0 {
			i = min(nextPart(part, i), len(part))
		}
		if words, ok := splitWords(part[begin:i]); !ok || len(words) != 1 {
			return "", false
		}
	}
	return out.String(), true
}

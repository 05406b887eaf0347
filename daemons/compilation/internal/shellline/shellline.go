// Package shellline recognises lines of a shell (`sh -c LINE`) that do the same in every
// environment, but for a few variables that the shell itself reads. Such a shell reads no
// variable, calls nothing that tells a tracer which ones it read, and yet may not be taken
// for one that reads all of them: most lines of build systems run one program.
package shellline

import "strings"

// IsShell reports whether a program is one of the shells whose lines are understood, by
// the name of its file. Others have more that a variable can change.
func IsShell(name string) bool { return name == "sh" || name == "dash" || name == "bash" }

// Transparent reports whether a line consists of simple commands, joined by "&&", ";" or
// new lines, with assignments and redirections, and with words that the shell leaves as
// they are. reads are the variables that a shell reads while it runs such a line, beside
// PATH and those of the C library; a name may end in "*". In doubt the answer is no.
//
// Not transparent is what expands (dollar signs, backquotes, patterns, braces, tildes),
// what the shell does itself and may depend on variables, and all other syntax.
func Transparent(line string) (reads []string, ok bool) {
	p := parser{rest: line}
	for p.command() {
	}
	if p.failed {
		return nil, false
	}
	reads = append(reads, ofShell...)
	if p.cd {
		reads = append(reads, "CDPATH")
	}
	return reads, true
}

// ofShell is what bash reads when it starts, even as sh: its options, files to read first,
// exported functions, which take the place of programs; and EXECIGNORE when it looks for a
// program (bash(1)). dash reads nothing.
var ofShell = []string{"BASH_*", "BASHOPTS", "EXECIGNORE", "POSIXLY_CORRECT", "SHELLOPTS"}

// maxLine bounds what is looked at.
const maxLine = 1 << 16

type parser struct {
	rest   string
	failed bool
	cd     bool // a folder was changed
}

func (p *parser) fail() bool {
	p.failed = true
	return false
}

// command reads one command with the separator behind it, and reports whether more may
// follow.
func (p *parser) command() (more bool) {
	var words []string
	if len(p.rest) > maxLine {
		return p.fail()
	}
	for {
		p.rest = strings.TrimLeft(p.rest, " \t")
		separator, found := p.separator()
		if found {
			return p.end(words, separator)
		}
		if p.redirection() {
			continue
		}
		word, ok := p.word()
		if !ok {
			return p.fail()
		}
		words = append(words, word)
	}
}

// separator reads what ends a command.
func (p *parser) separator() (separator string, found bool) {
	if p.rest == "" {
		return "", true
	}
	for _, s := range [...]string{"&&", ";", "\n"} {
		if rest, ok := strings.CutPrefix(p.rest, s); ok {
			p.rest = rest
			return s, true
		}
	}
	return "", false
}

// end judges a command that has been read.
func (p *parser) end(words []string, separator string) (more bool) {
	for len(words) > 0 && isAssignment(words[0]) {
		words = words[1:]
		if len(words) == 0 {
			return p.fail() // the variable stays, for the shell too
		}
	}
	if len(words) == 0 {
		if separator == "&&" || separator == ";" {
			return p.fail()
		}
		return separator != "" // an empty line
	}
	if words[0] == quotedWord || !p.harmless(words) {
		return p.fail()
	}
	return separator != ""
}

// quotedWord stands for a word with quotes: as the name of a command it is not judged.
const quotedWord = "\x00quoted"

// isAssignment reports whether a word sets a variable for the command behind it.
func isAssignment(word string) bool {
	name, _, found := strings.Cut(word, "=")
	if !found || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for _, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// harmless reports whether a command is a program, or something of the shell that no
// variable changes.
func (p *parser) harmless(words []string) bool {
	switch words[0] {
	case "cd": // to a folder; "-" and none ask for variables
		p.cd = true
		return len(words) == 2 && words[1] != quotedWord && !strings.HasPrefix(words[1], "-")
	case ":", "true", "false", "echo":
		return true
	case "exec":
		return len(words) > 1 && words[1] != quotedWord && !strings.HasPrefix(words[1], "-")
	}
	return !ofShells[words[0]]
}

// ofShells are the words and commands of dash and bash (dash(1), bash(1)). test and
// printf are programs as well, but a shell's own have options that variables change.
var ofShells = set(`! { } [ [[ ]] . alias bg bind break builtin caller case chdir command compgen complete compopt
	continue coproc declare dirs disown do done elif else enable esac eval exit export fc fg fi for function getopts
	hash help history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select
	set shift shopt source suspend test then time times trap type typeset ulimit umask unalias unset until wait while`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// redirection reads "> file" and its like, with the number of a descriptor before it.
func (p *parser) redirection() bool {
	at := strings.TrimLeft(p.rest, "0123456789")
	if len(p.rest)-len(at) > 1 {
		return false // dash knows descriptors of one digit
	}
	for _, sign := range [...]string{">&", "<&", ">>", ">|", ">", "<"} {
		rest, ok := strings.CutPrefix(at, sign)
		if !ok {
			continue
		}
		p.rest = strings.TrimLeft(rest, " \t")
		word, ok := p.word()
		if !ok || sign[len(sign)-1] == '&' && (len(word) != 1 || word[0] < '0' || word[0] > '9') {
			p.fail()
			p.rest = ""
		}
		return true
	}
	return false
}

// plain are the characters that stand for themselves wherever they are in a word.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:=@%"

// word reads one word.
func (p *parser) word() (word string, ok bool) {
	quoted, n := false, 0
	for n < len(p.rest) {
		switch c := p.rest[n]; {
		case c == '\'' || c == '"':
			length := strings.IndexByte(p.rest[n+1:], c)
			if length < 0 || c == '"' && strings.ContainsAny(p.rest[n+1:n+1+length], "$`\\!") {
				return "", false
			}
			quoted = true
			n += length + 2
			continue
		case strings.IndexByte(plain, c) >= 0:
			n++
			continue
		case strings.IndexByte(" \t\n;&<>", c) < 0:
			return "", false
		}
		break
	}
	word, p.rest = p.rest[:n], p.rest[n:]
	if quoted {
		word = quotedWord
	}
	return word, n > 0
}

package compilation

import "bytes"

// scanned is what a file's text says about inputs that a dependency file does not
// list. It depends on nothing but the content, so it is kept by digest.
type scanned struct {
	clock   string    // __DATE__, __TIME__ or __TIMESTAMP__ occurs
	stamped bool      // __TIMESTAMP__ occurs
	once    bool      // #pragma once occurs
	imports bool      // #import occurs: what that names is read once
	incbin  bool      // .incbin occurs: the assembler reads a file nobody tells of
	quoted  []string  // names of #include "…", #include_next and #import
	asked   []operand // operands of __has_include and __has_embed
	askedBy bool      // __has_include of something that is not a literal name
	guesses []operand // what such a macro may stand for
	macro   bool      // #include of a macro
}

// operand is a name as a directive gives it.
type operand struct {
	name   string
	quoted bool
}

// scanText looks at tokens, not at meaning: what stands in comments and in
// branches not taken counts too, which can only make the answer too careful.
func scanText(text []byte) *scanned {
	s := &scanned{incbin: bytes.Contains(text, []byte(".incbin"))}
	s.stamped = containsWord(text, "__TIMESTAMP__")
	s.once = bytes.Contains(text, []byte(`_Pragma("once")`))
	for _, word := range []string{"__DATE__", "__TIME__", "__TIMESTAMP__"} {
		if containsWord(text, word) {
			s.clock = word
			break
		}
	}
	for _, word := range []string{"__has_include", "__has_include_next", "__has_embed"} {
		s.scanAsked(text, word)
	}
	s.scanDirectives(text)
	return s
}

// scanAsked finds the operands of one of the __has_ operators.
func (s *scanned) scanAsked(text []byte, word string) {
	for i := nextWord(text, word, 0); i >= 0; i = nextWord(text, word, i) {
		rest := skipSpaces(text[i:])
		if len(rest) == 0 || rest[0] != '(' {
			continue // #ifdef __has_include
		}
		if op, ok := headerName(skipSpaces(rest[1:])); ok {
			s.asked = append(s.asked, op)
		} else {
			s.askedBy = true
		}
	}
}

// scanDirectives goes through the lines that begin with #.
func (s *scanned) scanDirectives(text []byte) {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		line = skipSpaces(line)
		if len(line) == 0 || line[0] != '#' {
			continue
		}
		line = skipSpaces(line[1:])
		n := 0
		for n < len(line) && isWordByte(line[n]) {
			n++
		}
		s.directive(string(line[:n]), skipSpaces(line[n:]))
	}
}

func (s *scanned) directive(name string, rest []byte) {
	switch name {
	case "pragma":
		s.once = s.once || nextWord(rest, "once", 0) == len("once")
	case "include", "include_next", "import", "embed":
		s.imports = s.imports || name == "import"
		op, ok := headerName(rest)
		switch {
		case ok && op.quoted:
			s.quoted = append(s.quoted, op.name)
		case !ok && len(rest) > 0:
			s.macro = true
		}
	case "if", "elif": // WRAPPER(<name>)
		for i, c := range rest {
			if c != '(' {
				continue
			}
			if op, ok := headerName(skipSpaces(rest[i+1:])); ok {
				s.guesses = append(s.guesses, op)
			}
		}
	case "define": // NAME <name>
		i := bytes.IndexAny(rest, " \t")
		if i < 0 {
			return
		}
		if op, ok := headerName(skipSpaces(rest[i:])); ok {
			s.guesses = append(s.guesses, op)
		}
	}
}

// headerName reads <name> or "name" at the start of b.
func headerName(b []byte) (operand, bool) {
	if len(b) == 0 || b[0] != '<' && b[0] != '"' {
		return operand{}, false
	}
	end := byte('>')
	if b[0] == '"' {
		end = '"'
	}
	n := bytes.IndexByte(b[1:], end)
	if n <= 0 || bytes.IndexByte(b[1:1+n], '\n') >= 0 {
		return operand{}, false
	}
	return operand{name: string(b[1 : 1+n]), quoted: end == '"'}, true
}

func containsWord(text []byte, word string) bool { return nextWord(text, word, 0) >= 0 }

// nextWord returns the offset behind the next whole word at or after from, or -1.
func nextWord(text []byte, word string, from int) int {
	for {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || !isWordByte(text[start-1])) && (end == len(text) || !isWordByte(text[end])) {
			return end
		}
		from = end
	}
}

func skipSpaces(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\f\v") }

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

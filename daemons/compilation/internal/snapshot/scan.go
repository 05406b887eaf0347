package snapshot

import "bytes"

// scanned is what a file's text says about inputs that a dependency file does not
// list. It depends on nothing but the content, so it is kept by digest.
type Scan struct {
	Clock   string // __DATE__, __TIME__ or __TIMESTAMP__ occurs
	Stamped bool   // __TIMESTAMP__ occurs
	Once    bool   // #pragma once occurs
	Imports bool   // #import occurs: what that names is read once
	Incbin  bool   // .incbin occurs: the assembler reads a file that no dependency file names
	// Assembles: .incbin or .include occurs, which have the assembler read a file.
	Assembles bool
	Quoted    []string     // names of #include "…", #include_next and #import
	Asked     []HeaderName // operands of __has_include and __has_embed
	AskedBy   bool         // __has_include of something that is not a literal name
	Guesses   []HeaderName // what such a macro may stand for
	Macro     bool         // #include of a macro
}

// operand is a name as a directive gives it.
type HeaderName struct {
	Name   string
	Quoted bool
}

// ScanText looks at tokens, not at meaning: what stands in comments and in
// branches not taken counts too, which can only make the answer too careful.
func ScanText(text []byte) *Scan {
	s := &Scan{Incbin: bytes.Contains(text, []byte(".incbin"))}
	s.Assembles = s.Incbin || bytes.Contains(text, []byte(".include"))
	s.Stamped = ContainsWord(text, "__TIMESTAMP__")
	s.Once = bytes.Contains(text, []byte(`_Pragma("once")`))
	for _, word := range []string{"__DATE__", "__TIME__", "__TIMESTAMP__"} {
		if ContainsWord(text, word) {
			s.Clock = word
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
func (s *Scan) scanAsked(text []byte, word string) {
	for i := nextWord(text, word, 0); i >= 0; i = nextWord(text, word, i) {
		rest := skipSpaces(text[i:])
		if len(rest) == 0 || rest[0] != '(' {
			continue // #ifdef __has_include
		}
		if op, ok := headerName(skipSpaces(rest[1:])); ok {
			s.Asked = append(s.Asked, op)
		} else {
			s.AskedBy = true
		}
	}
}

// scanDirectives goes through the lines that begin with #.
func (s *Scan) scanDirectives(text []byte) {
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
		for n < len(line) && IsWordByte(line[n]) {
			n++
		}
		s.directive(string(line[:n]), skipSpaces(line[n:]))
	}
}

func (s *Scan) directive(name string, rest []byte) {
	switch name {
	case "pragma":
		s.Once = s.Once || nextWord(rest, "once", 0) == len("once")
	case "include", "include_next", "import", "embed":
		s.Imports = s.Imports || name == "import"
		op, ok := headerName(rest)
		switch {
		case ok && op.Quoted:
			s.Quoted = append(s.Quoted, op.Name)
		case !ok && len(rest) > 0:
			s.Macro = true
		}
	case "if", "elif": // WRAPPER(<name>)
		for i, c := range rest {
			if c != '(' {
				continue
			}
			if op, ok := headerName(skipSpaces(rest[i+1:])); ok {
				s.Guesses = append(s.Guesses, op)
			}
		}
	case "define": // NAME <name>
		i := bytes.IndexAny(rest, " \t")
		if i < 0 {
			return
		}
		if op, ok := headerName(skipSpaces(rest[i:])); ok {
			s.Guesses = append(s.Guesses, op)
		}
	}
}

// headerName reads <name> or "name" at the start of b.
func headerName(b []byte) (HeaderName, bool) {
	if len(b) == 0 || b[0] != '<' && b[0] != '"' {
		return HeaderName{}, false
	}
	end := byte('>')
	if b[0] == '"' {
		end = '"'
	}
	n := bytes.IndexByte(b[1:], end)
	if n <= 0 || bytes.IndexByte(b[1:1+n], '\n') >= 0 {
		return HeaderName{}, false
	}
	return HeaderName{Name: string(b[1 : 1+n]), Quoted: end == '"'}, true
}

// ContainsWord reports whether a text has a whole word.
func ContainsWord(text []byte, word string) bool { return nextWord(text, word, 0) >= 0 }

// nextWord returns the offset behind the next whole word at or after from, or -1.
func nextWord(text []byte, word string, from int) int {
	for {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || !IsWordByte(text[start-1])) && (end == len(text) || !IsWordByte(text[end])) {
			return end
		}
		from = end
	}
}

func skipSpaces(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\f\v") }

// IsWordByte reports whether a byte can be in an identifier.
func IsWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

package setup

import (
	"bytes"
	"strings"
)

// definesMain says whether a source file defines the program's main function.
type definesMain int

const (
	noMain      definesMain = iota
	maybeMain               // inside an #if, which may be false
	certainMain             // outside of any
)

// scanMain looks for the definition of main in C or C++ text: the name outside of braces,
// a parameter list, and then a body. Comments, strings and the text in #if 0 do not
// count. Macros by which test frameworks provide a main do.
func scanMain(text []byte) definesMain {
	hint := false
	for _, word := range []string{"main", "Main", "MAIN", "BOOST_TEST_MODULE", "IMPLEMENT_APP", "m\\"} {
		hint = hint || bytes.Contains(text, []byte(word))
	}
	if !hint {
		return noMain
	}
	s := &mainScanner{lexer: lexer{text: text}}
	s.run()
	return s.found
}

// mainMacros are names whose #define, before the include of a test framework's
// header, makes it define main.
var mainMacros = map[string]bool{
	"CATCH_CONFIG_MAIN": true, "DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN": true,
	"BOOST_TEST_MODULE": true, "BOOST_TEST_MAIN": true, "ANKERL_NANOBENCH_IMPLEMENT_WITH_MAIN": true,
}

// mainCalls are macros that expand to a main.
var mainCalls = map[string]bool{
	"BENCHMARK_MAIN": true, "QTEST_MAIN": true, "QTEST_APPLESS_MAIN": true, "QTEST_GUILESS_MAIN": true,
	"CPPUNIT_PLUGIN_IMPLEMENT_MAIN": true, "IMPLEMENT_APP": true, "wxIMPLEMENT_APP": true,
}

type mainScanner struct {
	lexer
	found definesMain
	ifs   []bool // open #ifs: whether what is inside can never be compiled
	depth int    // of braces, extern "C" ones not counted
	open  []bool // for each open brace whether it counts
}

// run goes through the tokens until a certain main is found.
func (s *mainScanner) run() {
	var before [2]token // the last two
	for s.found < certainMain {
		t := s.next()
		switch t.kind {
		case tokenEnd:
			return
		case tokenDirective:
			s.directive(t.text)
			continue
		}
		if s.hidden() {
			continue
		}
		switch {
		case t.is("{"):
			linkage := before[1].kind == tokenString && before[0].is("extern")
			s.open = append(s.open, !linkage)
			if !linkage {
				s.depth++
			}
		case t.is("}"):
			if n := len(s.open); n > 0 {
				if s.open[n-1] {
					s.depth--
				}
				s.open = s.open[:n-1]
			}
		case t.kind == tokenName && s.depth == 0 && (t.text == "main" || t.text == "wmain" || t.text == "WinMain" || t.text == "wWinMain"):
			if !before[1].is("::") && !before[1].is(".") && !before[1].is("~") && s.bodyFollows() {
				s.add()
			}
		case t.kind == tokenName && s.depth == 0 && mainCalls[t.text]:
			s.add()
		}
		before[0], before[1] = before[1], t
	}
}

// add notes a main at this place.
func (s *mainScanner) add() {
	if len(s.ifs) == 0 {
		s.found = certainMain
	} else {
		s.found = max(s.found, maybeMain)
	}
}

func (s *mainScanner) hidden() bool {
	for _, never := range s.ifs {
		if never {
			return true
		}
	}
	return false
}

// bodyFollows reports whether a parameter list and then a body come next. It reads
// ahead without moving.
func (s *mainScanner) bodyFollows() bool {
	l := s.lexer
	if !l.next().is("(") {
		return false
	}
	for open := 1; open > 0; {
		switch t := l.next(); {
		case t.kind == tokenEnd:
			return false
		case t.is("("):
			open++
		case t.is(")"):
			open--
		}
	}
	for range 64 { // noexcept, -> int, try, __attribute__((…))
		switch t := l.next(); {
		case t.is("{"):
			return true
		case t.kind == tokenEnd, t.is("="), t.is("}"), t.is(";"):
			return false
		}
	}
	return false
}

// directive follows #if and its kin.
func (s *mainScanner) directive(text string) {
	name, rest := cutWord(text)
	rest = strings.TrimSpace(rest)
	n := len(s.ifs)
	switch name {
	case "if", "ifdef", "ifndef":
		s.ifs = append(s.ifs, name == "if" && (rest == "0" || rest == "false"))
	case "else", "elif", "elifdef", "elifndef":
		if n > 0 {
			s.ifs[n-1] = false
		}
	case "endif":
		if n > 0 {
			s.ifs = s.ifs[:n-1]
		}
	case "define":
		if macro, _ := cutWord(rest); mainMacros[macro] && !s.hidden() {
			s.add()
		}
	}
}

// cutWord splits text after its first name.
func cutWord(text string) (word, rest string) {
	n := 0
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	return text[:n], text[n:]
}

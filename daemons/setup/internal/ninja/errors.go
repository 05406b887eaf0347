package ninja

import (
	"fmt"
	"strings"
)

// SyntaxError is a mistake in a file. Error prints it as ninja does: place and message, the
// line, and a caret below the column.
type SyntaxError struct {
	File    string
	Line    int
	Column  int    // counted from 0
	Message string // without place
	Context string // the line, cut after contextWidth bytes; empty if the column is the first, or beyond that
}

// contextWidth is how much of a line is shown.
const contextWidth = 72

func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("%s:%d: %s\n", e.File, e.Line, e.Message)
	if e.Context == "" {
		return text
	}
	return text + e.Context + "\n" + strings.Repeat(" ", e.Column) + "^ near here"
}

// fail makes a mistake of the place where the last token began.
func (l *lexer) fail(message string) error {
	before := l.text[:l.last]
	e := &SyntaxError{File: l.file, Line: strings.Count(before, "\n") + 1, Message: message}
	start := strings.LastIndexByte(before, '\n') + 1
	e.Column = l.last - start
	if e.Column == 0 || e.Column >= contextWidth {
		return e
	}
	line := l.text[start:]
	if end := strings.IndexAny(line, "\n\x00"); end >= 0 {
		line = line[:end]
	}
	if len(line) >= contextWidth {
		line = line[:contextWidth] + "..."
	}
	e.Context = line
	return e
}

// expect reads a token that must be t.
func (l *lexer) expect(t token) error {
	got := l.next()
	if got == t {
		return nil
	}
	message := "expected " + tokenNames[t] + ", got " + tokenNames[got]
	if t == tokenColon {
		message += " ($ also escapes ':')"
	}
	return l.fail(message)
}

package includes

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
)

// Directive is one line that includes.
type Directive struct {
	Name   string
	Quoted bool // "name", else <name>
	Next   bool // #include_next
}

// Text is what a file's text says.
type Text struct {
	Directives []Directive
	Macro      bool // it includes what a macro names
}

// Texts reads each file once for an answer.
type Texts struct{ known map[string]*Text }

// NewTexts makes one for which nothing has been read.
func NewTexts() *Texts { return &Texts{known: map[string]*Text{}} }

// maxText bounds what is read of a file: a large file of data where a header should be
// must not fill the memory.
const maxText = 16 << 20

// Of reads a file; its path may be relative to root. A file that cannot be read, or is too
// large, includes nothing.
func (t *Texts) Of(root, file string) *Text {
	if known := t.known[file]; known != nil {
		return known
	}
	abs := file
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(root, file)
	}
	text := &Text{}
	if fi, err := os.Stat(abs); err == nil && fi.Mode().IsRegular() && fi.Size() <= maxText {
		if b, err := os.ReadFile(abs); err == nil {
			text = scan(b)
		}
	}
	t.known[file] = text
	return text
}

// scan finds the lines that include, outside of comments.
func scan(text []byte) *Text {
	found := &Text{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxText)
	comment := false
	for lines.Scan() {
		line := lines.Bytes()
		if line, comment = cutComments(line, comment); len(line) > 0 {
			found.add(line)
		}
	}
	return found
}

// cutComments removes what stands in comments of the /* */ kind, which may go on over
// lines.
func cutComments(line []byte, within bool) (rest []byte, still bool) {
	if !within && !bytes.Contains(line, []byte("/*")) {
		return bytes.TrimSpace(line), false
	}
	for {
		if within {
			end := bytes.Index(line, []byte("*/"))
			if end < 0 {
				return bytes.TrimSpace(rest), true
			}
			line = line[end+2:]
		}
		begin := bytes.Index(line, []byte("/*"))
		if begin < 0 {
			return bytes.TrimSpace(append(rest, line...)), false
		}
		rest = append(rest, line[:begin]...)
		line, within = line[begin+2:], true
	}
}

func (t *Text) add(line []byte) {
	if line[0] != '#' {
		return
	}
	line = bytes.TrimLeft(line[1:], " \t")
	word := line
	if i := bytes.IndexAny(line, " \t<\""); i >= 0 {
		word = line[:i]
	}
	switch string(word) {
	case "include", "include_next", "import", "embed":
	default:
		return
	}
	rest := bytes.TrimLeft(line[len(word):], " \t")
	if len(rest) == 0 {
		return
	}
	end := map[byte]byte{'<': '>', '"': '"'}[rest[0]]
	n := bytes.IndexByte(rest[1:], end)
	switch {
	case end == 0:
		t.Macro = true
	case n > 0:
		t.Directives = append(t.Directives, Directive{
			Name: string(rest[1 : 1+n]), Quoted: end == '"', Next: string(word) == "include_next",
		})
	}
}

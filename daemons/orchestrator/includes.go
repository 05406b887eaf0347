package orchestrator

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// Which file includes which is not recorded: a build needs only what was read. When
// somebody asks, it is worked out from the files that a unit read, by their #include
// lines, and nothing else: no compiler runs, so that an answer costs some milliseconds
// and can be had of a unit that does not compile. A name leads to an input or nowhere,
// so no way of includes ever leads over a file that was not read. What this gives up:
// an include within a branch that was not taken counts if the file was read another
// way, and one that is made by a macro is guessed, see [includes.attachMacros].

// includes are the includes among the inputs of one unit.
type includes struct {
	texts  *includeTexts
	root   string
	inputs map[string]bool
	byBase map[string][]string // inputs by the last element of their path
	quote  []string            // folders searched for "name" only
	angle  []string            // and for <name> too, in order
	forced []string            // names of -include
	source string

	edges   map[string][]string
	guessed map[string][]string // further edges, of includes that are made by macros
}

// newIncludes takes the unit's command and the files that it read, as discovery
// spells them.
func newIncludes(texts *includeTexts, root string, source string, args, inputs []string) *includes {
	g := &includes{
		texts: texts, root: root, source: source, inputs: make(map[string]bool, len(inputs)),
		byBase: make(map[string][]string), edges: make(map[string][]string),
	}
	g.readArgs(args)
	for _, p := range inputs {
		g.inputs[p] = true
		g.byBase[path.Base(p)] = append(g.byBase[path.Base(p)], p)
	}
	return g
}

// searchFlags are the flags that name a folder for headers, or a header.
var searchFlags = [...]string{"-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-I"}

// readArgs finds where the unit's compiler searches, as far as its flags say. What it
// searches by itself comes last and is found by names, see resolve.
func (g *includes) readArgs(args []string) {
	lists := map[string][]string{}
	for i := 0; i < len(args); i++ {
		for _, flag := range searchFlags {
			value, ok := strings.CutPrefix(args[i], flag)
			if !ok || strings.HasPrefix(value, "-") { // -include-pch
				continue
			}
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			lists[flag] = append(lists[flag], g.tidy(value))
			break
		}
	}
	g.quote = lists["-iquote"]
	g.angle = slices.Concat(lists["-I"], lists["-isystem"], lists["-idirafter"])
	g.forced = slices.Concat(lists["-include"], lists["-imacros"])
}

// tidy spells a path as discovery does.
func (g *includes) tidy(p string) string {
	p = path.Clean(filepath.ToSlash(p))
	if rest, ok := strings.CutPrefix(p, g.root+"/"); ok {
		return rest
	}
	return p
}

// of returns the inputs that a file includes, in the order of its lines.
func (g *includes) of(file string) []string {
	if known, ok := g.edges[file]; ok {
		return append(known[:len(known):len(known)], g.guessed[file]...)
	}
	found := []string{}
	add := func(list []string) {
		for _, p := range list {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	if file == g.source {
		for _, name := range g.forced {
			add(g.resolve(".", directive{name: name, quoted: true}))
		}
	}
	for _, d := range g.texts.of(g.root, file).directives {
		add(g.resolve(file, d))
	}
	g.edges[file] = found
	return append(found[:len(found):len(found)], g.guessed[file]...)
}

// resolve returns the input that an include in a file leads to. The compiler's own
// folders are not known here: what no flag leads to is an input of which the path ends
// in the name, or several if there are several.
func (g *includes) resolve(file string, d directive) (found []string) {
	if path.IsAbs(d.name) {
		return g.known(g.tidy(d.name))
	}
	dirs := g.angle
	if d.quoted && !d.next {
		dirs = slices.Concat([]string{path.Dir(file)}, g.quote, g.angle)
	}
	if d.next {
		for i, dir := range dirs {
			if g.tidy(path.Join(dir, d.name)) == file {
				dirs = dirs[i+1:]
				break
			}
		}
	}
	for _, dir := range dirs {
		if p := g.tidy(path.Join(dir, d.name)); p != file && g.inputs[p] {
			return []string{p}
		}
	}
	name := strings.TrimLeft(path.Clean(d.name), "./")
	for _, p := range g.byBase[path.Base(name)] {
		if p != file && (p == name || strings.HasSuffix(p, "/"+name)) {
			found = append(found, p)
		}
	}
	return found
}

func (g *includes) known(p string) []string {
	if g.inputs[p] {
		return []string{p}
	}
	return nil
}

// reach goes through everything that from includes, nearest first, and returns the
// files in that order with how each was reached first.
func (g *includes) reach(from string) (order []string, parent map[string]string) {
	order, parent = []string{from}, map[string]string{from: ""}
	for i := 0; i < len(order); i++ {
		for _, p := range g.of(order[i]) {
			if _, seen := parent[p]; !seen {
				parent[p] = order[i]
				order = append(order, p)
			}
		}
	}
	return order, parent
}

// attachMacros gives the inputs that no include leads to a place: below the nearest
// file with an include of a macro (#include CONFIG_HEADER). It is a guess, and right
// for all that such an include leads to when there is one such file.
func (g *includes) attachMacros() {
	order, reached := g.reach(g.source)
	i := slices.IndexFunc(order, func(p string) bool { return g.texts.of(g.root, p).macro })
	if i < 0 {
		return
	}
	below := map[string]bool{}
	var lost []string
	for p := range g.inputs {
		if _, ok := reached[p]; !ok && isHeader(p) {
			lost = append(lost, p)
			for _, q := range g.of(p) {
				below[q] = true
			}
		}
	}
	slices.Sort(lost)
	lost = slices.DeleteFunc(lost, func(p string) bool { return below[p] })
	g.guessed = map[string][]string{order[i]: lost}
}

// isHeader tells what may have been included from what the compiler itself consists
// of. Headers of the standard library have no ending and lie in folders of headers.
func isHeader(p string) bool {
	switch path.Ext(p) {
	case ".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".tpp", ".tcc", ".def", ".c", ".cc", ".cpp", ".cxx":
		return true
	case "":
		return strings.Contains(p, "/include/")
	}
	return false
}

// chain is the way from the source to a file, nil if there is none.
func chain(parent map[string]string, file string) (files []string) {
	if _, ok := parent[file]; !ok {
		return nil
	}
	for p := file; p != ""; p = parent[p] {
		files = append(files, p)
	}
	slices.Reverse(files)
	return files
}

// directive is one line that includes.
type directive struct {
	name   string
	quoted bool
	next   bool // #include_next
}

// includeText is what a file's text says.
type includeText struct {
	directives []directive
	macro      bool // it includes what a macro names
}

// includeTexts reads each file once for an answer.
type includeTexts struct{ known map[string]*includeText }

func newIncludeTexts() *includeTexts { return &includeTexts{known: map[string]*includeText{}} }

// maxIncludeText bounds what is read of a file: directives stand in text, and a file
// of data in the place of a header must not fill the memory.
const maxIncludeText = 16 << 20

func (t *includeTexts) of(root, file string) *includeText {
	if known := t.known[file]; known != nil {
		return known
	}
	abs := file
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(root, file)
	}
	text := &includeText{}
	if fi, err := os.Stat(abs); err == nil && fi.Mode().IsRegular() && fi.Size() <= maxIncludeText {
		if b, err := os.ReadFile(abs); err == nil {
			text = scanIncludes(b)
		}
	}
	t.known[file] = text
	return text
}

// scanIncludes finds the lines that include, outside of comments.
func scanIncludes(text []byte) *includeText {
	found := &includeText{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxIncludeText)
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

func (t *includeText) add(line []byte) {
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
		t.macro = true
	case n > 0:
		t.directives = append(t.directives, directive{
			name: string(rest[1 : 1+n]), quoted: end == '"', next: string(word) == "include_next",
		})
	}
}

// includesOf makes the graph of a unit. inputs are what it read.
func includesOf(texts *includeTexts, p *ipc.Plan, u *ipc.Action, inputs []string) *includes {
	var args []string
	if u.Command < len(p.Commands) {
		args = p.Commands[u.Command].Args
	}
	g := newIncludes(texts, p.Root, u.Source, args, inputs)
	g.attachMacros()
	return g
}

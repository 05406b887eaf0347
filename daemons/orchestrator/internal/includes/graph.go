package includes

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Graph is the includes among the inputs of one unit.
type Graph struct {
	texts  *Texts
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

// New takes the unit's source and command, and the files that it read, as discovery
// spells them.
func New(texts *Texts, root string, source string, args, inputs []string) *Graph {
	g := &Graph{
		texts: texts, root: root, source: source, inputs: make(map[string]bool, len(inputs)),
		byBase: make(map[string][]string), edges: make(map[string][]string),
	}
	g.readArgs(args)
	for _, p := range inputs {
		g.inputs[p] = true
		g.byBase[path.Base(p)] = append(g.byBase[path.Base(p)], p)
	}
	g.attachMacros()
	return g
}

// searchFlags are the flags that name a folder for headers, or a header.
var searchFlags = [...]string{"-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-I"}

// readArgs finds where the unit's compiler searches, as far as its flags say. What it
// searches by itself comes last and is found by names, see resolve.
func (g *Graph) readArgs(args []string) {
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
func (g *Graph) tidy(p string) string {
	p = path.Clean(filepath.ToSlash(p))
	if strings.HasPrefix(p, "../") {
		p = path.Join(g.root, p)
	}
	if rest, ok := strings.CutPrefix(p, g.root+"/"); ok {
		return rest
	}
	return p
}

// Of returns the inputs that a file includes, in the order of its lines.
func (g *Graph) Of(file string) []string {
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
			add(g.resolve(".", Directive{Name: name, Quoted: true}))
		}
	}
	for _, d := range g.texts.Of(g.root, file).Directives {
		add(g.resolve(file, d))
	}
	g.edges[file] = found
	return append(found[:len(found):len(found)], g.guessed[file]...)
}

// resolve returns the input that an include in a file leads to. The compiler's own
// folders are not known here. If no flag leads to the name, every input whose path ends
// in it is returned.
func (g *Graph) resolve(file string, d Directive) (found []string) {
	if path.IsAbs(d.Name) {
		return g.known(g.tidy(d.Name))
	}
	dirs := g.angle
	if d.Quoted && !d.Next {
		dirs = slices.Concat([]string{path.Dir(file)}, g.quote, g.angle)
	}
	if d.Next {
		for i, dir := range dirs {
			if g.tidy(path.Join(dir, d.Name)) == file {
				dirs = dirs[i+1:]
				break
			}
		}
	}
	for _, dir := range dirs {
		if p := g.tidy(path.Join(dir, d.Name)); p != file && g.inputs[p] {
			return []string{p}
		}
	}
	name := strings.TrimLeft(path.Clean(d.Name), "./")
	for _, p := range g.byBase[path.Base(name)] {
		if p != file && (p == name || strings.HasSuffix(p, "/"+name)) {
			found = append(found, p)
		}
	}
	return found
}

func (g *Graph) known(p string) []string {
	if g.inputs[p] {
		return []string{p}
	}
	return nil
}

// Reach lists from and all files that it includes, nearest first. parent has the file by
// which each was reached first, and "" for from.
func (g *Graph) Reach(from string) (order []string, parent map[string]string) {
	order, parent = []string{from}, map[string]string{from: ""}
	for i := 0; i < len(order); i++ {
		for _, p := range g.Of(order[i]) {
			if _, seen := parent[p]; !seen {
				parent[p] = order[i]
				order = append(order, p)
			}
		}
	}
	return order, parent
}

// attachMacros puts the inputs that no include leads to below the nearest file that
// includes what a macro names (#include CONFIG_HEADER). It is a guess. It is right if
// there is one such file.
func (g *Graph) attachMacros() {
	order, reached := g.Reach(g.source)
	i := slices.IndexFunc(order, func(p string) bool { return g.texts.Of(g.root, p).Macro })
	if i < 0 {
		return
	}
	below := map[string]bool{}
	var lost []string
	for p := range g.inputs {
		if _, ok := reached[p]; !ok && IsHeader(p) {
			lost = append(lost, p)
			for _, q := range g.Of(p) {
				below[q] = true
			}
		}
	}
	slices.Sort(lost)
	lost = slices.DeleteFunc(lost, func(p string) bool { return below[p] })
	g.guessed = map[string][]string{order[i]: lost}
}

// IsHeader tells files that may have been included from parts of the compiler. Headers of
// the standard library have no ending and lie in a folder named include.
func IsHeader(p string) bool {
	switch path.Ext(p) {
	case ".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".tpp", ".tcc", ".def", ".c", ".cc", ".cpp", ".cxx":
		return true
	case "":
		return strings.Contains(p, "/include/")
	}
	return false
}

// Chain returns the files from the start of a [Graph.Reach] to a file, nil if it was not
// reached.
func Chain(parent map[string]string, file string) (files []string) {
	if _, ok := parent[file]; !ok {
		return nil
	}
	for p := file; p != ""; p = parent[p] {
		files = append(files, p)
	}
	slices.Reverse(files)
	return files
}

package oracle

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
)

// draws is where a manifest's choices come from.
type draws struct{ *rand.Rand }

func (d draws) chance(percent int) bool { return d.IntN(100) < percent }

func oneOf[T any](d draws, from []T) T { return from[d.IntN(len(from))] }

// someOf chooses up to n of them, each once.
func someOf[T comparable](d draws, n int, from []T) (chosen []T) {
	for range n {
		if len(from) == 0 {
			break
		}
		if f := oneOf(d, from); !slices.Contains(chosen, f) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// manifest is a random build.ninja. Its commands name relative paths only, so that two trees
// have the same ones.
type manifest struct {
	draws
	edges    []*mEdge
	sources  []string // what plain commands read
	headers  []string // what commands read without an input of the manifest
	cSources []string
	flags    string // part of each plain command
	subFlags string // the same in the subninja
	compiler string // of native edges, "" = there are none
	options  string // of compiles
	buildDir string
	maker    string // how build.ninja is made: "", "generator", or "generator restat"
	defaults []string
	fresh    int
	recent   bool // for ninja 1.13 or later
}

// mEdge is one edge; outputs and inputs are plain paths.
type mEdge struct {
	id              string
	kind            string   // names the rule
	outs, extra     []string // extra: implicit outputs
	ins             []string
	implicit, order []string
	valid           []string
	hidden          []string // what only the depfile names
	pool            string
	dyndep          string // the dyndep file
	dynOuts, dynIns []string
	dynRestat       bool
	scope           string // the file that has it: "main", "sub", "inc"
	salt            string // part of its command
	gone            bool   // it is not in the manifest now
}

// plainKinds are the rules of plain commands; see mRules.
var plainKinds = []string{"cat", "cat", "restat", "deps", "depfile", "restatdeps", "rsp", "rspline", "early", "late", "noise", "phony"}

func (e *mEdge) native() bool {
	return e.kind == "cc" || e.kind == "ar" || e.kind == "link"
}

func (e *mEdge) allOuts() []string { return slices.Concat(e.outs, e.extra) }

func newManifest(d draws, native, recent bool) *manifest {
	m := &manifest{draws: d, recent: recent, flags: "A", subFlags: "S"}
	for i := range 3 + d.IntN(3) {
		m.sources = append(m.sources, oneOf(d, []string{"s%d", "src/s%d", "s %d", "src/$s%d", "s%d"}))
		m.sources[i] = fmt.Sprintf(m.sources[i], i)
	}
	m.headers = []string{"inc1/h0.h", "inc1/h1.h"}
	m.buildDir = oneOf(d, []string{"", "", "bd", "bd/deep dir"})
	m.maker = oneOf(d, []string{"", "generator", "generator restat"})
	for range 4 + d.IntN(9) {
		m.addPlain()
	}
	if native {
		m.compiler = oneOf(d, nativeCompilers())
		m.addNative()
	}
	m.drawDefaults()
	return m
}

func (m *manifest) drawDefaults() {
	m.defaults = nil
	if m.chance(30) {
		m.defaults = someOf(m.draws, 3, m.outputs(true))
	}
}

// live are the edges of the manifest.
func (m *manifest) live() (edges []*mEdge) {
	for _, e := range m.edges {
		if !e.gone {
			edges = append(edges, e)
		}
	}
	return edges
}

// outputs are what edges make; names says that phony names count too.
func (m *manifest) outputs(names bool) (all []string) {
	for _, e := range m.live() {
		if e.kind != "phony" || names {
			all = append(all, e.allOuts()...)
		}
	}
	return all
}

// outForms are what outputs are called. Depfiles cannot name the last one until ninja 1.12.
var outForms = []string{"o%d", "o%d", "sub/o%d", "sub/deep/o%d", "sub dir/o %d", "o$%d", "o:%d", "lnk/o%d", "ö%d", "o'%d"}

func (m *manifest) addPlain() {
	m.fresh++
	e := &mEdge{id: fmt.Sprintf("e%d", m.fresh), kind: oneOf(m.draws, plainKinds), scope: oneOf(m.draws, []string{"main", "main", "sub", "inc"})}
	files := slices.Concat(m.sources, m.outputs(false))
	names := m.outputs(true)
	forms := outForms
	if !m.recent {
		forms = forms[:len(forms)-1]
	}
	out := fmt.Sprintf(oneOf(m.draws, forms), m.fresh)
	e.outs = []string{out}
	e.ins = someOf(m.draws, 1+m.IntN(3), files)
	if m.chance(30) {
		e.implicit = someOf(m.draws, 2, slices.Concat(names, m.headers))
	}
	if m.chance(30) {
		e.order = someOf(m.draws, 2, names)
	}
	switch e.kind {
	case "phony":
		m.drawPhony(e)
	case "deps", "depfile", "restatdeps":
		m.drawHidden(e)
	default:
		m.drawDyndep(e)
	}
	if e.kind != "phony" {
		m.drawOutputs(e, out)
		e.pool = oneOf(m.draws, []string{"", "", "", "narrow", "wide", "console"})
	}
	if len(names) > 0 && m.chance(15) && len(e.ins) > 0 { // docs/ninja.md: a phony edge with validations alone
		e.valid = someOf(m.draws, 1, names)
	}
	m.edges = append(m.edges, e)
}

func (m *manifest) drawOutputs(e *mEdge, out string) {
	if m.chance(25) && e.kind != "deps" && e.kind != "restatdeps" && e.dyndep == "" {
		e.outs = append(e.outs, out+".b")
	}
	if m.chance(25) {
		e.extra = append(e.extra, out+".x")
	}
}

// drawPhony makes a name for files; some names have no inputs, and some are those of headers,
// which may be missing then.
func (m *manifest) drawPhony(e *mEdge) {
	e.outs = []string{"phony_" + e.id}
	switch m.IntN(6) {
	case 0:
		e.ins, e.implicit, e.order = nil, nil, nil
	case 1:
		h := oneOf(m.draws, m.headers)
		if !slices.Contains(m.outputs(true), h) {
			e.outs, e.ins, e.implicit, e.order = []string{h}, nil, nil, nil
		}
	case 2:
		e.ins = append(e.ins, someOf(m.draws, 1, m.outputs(true))...)
	}
	slices.Sort(e.ins)
	e.ins = slices.Compact(e.ins)
}

// drawHidden chooses what only the depfile names: a header, or what another edge makes.
func (m *manifest) drawHidden(e *mEdge) {
	e.hidden = someOf(m.draws, 2, slices.Concat(m.headers, m.sources))
	if made := m.outputs(false); len(made) > 0 && m.chance(30) {
		h := oneOf(m.draws, made)
		e.hidden = append(e.hidden, h)
		if !slices.Contains(e.order, h) {
			e.order = append(e.order, h)
		}
	}
}

// drawDyndep gives some edges a dyndep file, which another edge copies from a source.
func (m *manifest) drawDyndep(e *mEdge) {
	if !m.chance(15) || e.kind == "rsp" {
		return
	}
	e.dyndep = e.outs[0] + ".dd"
	if m.chance(60) {
		e.dynOuts = []string{e.outs[0] + ".dyn"}
	}
	e.dynIns, e.dynRestat = someOf(m.draws, 1, slices.Concat(m.sources, m.outputs(false))), e.kind == "restat"
	m.edges = append(m.edges, &mEdge{id: e.id + "dd", kind: "dd", outs: []string{e.dyndep}, ins: []string{e.id + ".dd.in"}, scope: e.scope})
}

// addNative adds compiles, an archive, a program, and a command that runs it.
func (m *manifest) addNative() {
	m.cSources = []string{"c0.c", "c1.c", "c 2.c"}[:2+m.IntN(2)]
	generated := ""
	var objects []string
	for _, c := range m.cSources {
		e := &mEdge{id: "cc" + stem(c), kind: "cc", outs: []string{"obj/" + c + ".o"}, ins: []string{c}, scope: "main"}
		if m.chance(40) {
			generated = "gen_" + stem(c) + ".h"
			m.edges = append(m.edges, &mEdge{id: "g" + stem(c), kind: oneOf(m.draws, []string{"header", "headerrestat"}), outs: []string{generated}, ins: someOf(m.draws, 1, m.sources), scope: "main"})
			if m.chance(70) {
				e.order = []string{generated}
			} else {
				e.implicit = []string{generated}
			}
			e.hidden = []string{generated}
		}
		if m.chance(25) {
			e.pool = "narrow"
		}
		m.edges = append(m.edges, e)
		objects = append(objects, e.outs[0])
	}
	program := objects
	if m.chance(70) {
		m.edges = append(m.edges, &mEdge{id: "ar", kind: "ar", outs: []string{"lib/libx.a"}, ins: objects[1:], scope: "main"})
		program = []string{objects[0], "lib/libx.a"}
	}
	m.edges = append(m.edges,
		&mEdge{id: "link", kind: "link", outs: []string{"app"}, ins: program, scope: "main"},
		&mEdge{id: "run", kind: "run", outs: []string{"app.txt"}, implicit: []string{"app"}, scope: "main"})
	for range m.IntN(3) {
		m.fresh++
		id := fmt.Sprintf("e%d", m.fresh)
		m.edges = append(m.edges, &mEdge{id: id, kind: oneOf(m.draws, []string{"cat", "restat"}), outs: []string{"after_" + id}, ins: append(someOf(m.draws, 1, m.sources), oneOf(m.draws, []string{"app.txt", "app", objects[0]})), scope: "main"})
	}
}

// cText is the source of a native edge. It looks for headers that may appear elsewhere.
func (m *manifest) cText(source string, salt int) string {
	name := strings.ReplaceAll(stem(source), " ", "")
	var b strings.Builder
	fmt.Fprintf(&b, "#include \"h0.h\"\n#if __has_include(\"env.h\")\n#include \"env.h\"\n#else\n#define ENV 0\n#endif\n")
	generated := "0"
	for _, e := range m.edges {
		if e.kind == "cc" && e.ins[0] == source && len(e.hidden) > 0 {
			fmt.Fprintf(&b, "#include %q\n", e.hidden[0])
			generated = "GEN"
		}
	}
	if source != "c0.c" {
		fmt.Fprintf(&b, "int f_%s(void) { return %d + H0 * 3 + ENV * 5 + %s * 7; }\n", name, salt, generated)
		return b.String()
	}
	b.WriteString("#ifdef __cplusplus\nextern \"C\"\n#endif\nint printf(const char *, ...);\n")
	for _, c := range m.cSources[1:] {
		fmt.Fprintf(&b, "int f_%s(void);\n", strings.ReplaceAll(stem(c), " ", ""))
	}
	fmt.Fprintf(&b, "int main(void) {\n\tprintf(\"%%d\\n\", %d + H0 + ENV + %s);\n", salt, generated)
	for _, c := range m.cSources[1:] {
		fmt.Fprintf(&b, "\tprintf(\"%%d\\n\", f_%s());\n", strings.ReplaceAll(stem(c), " ", ""))
	}
	return b.String() + "\treturn 0;\n}\n"
}

// nativeCompilers are those that edges may call. Only clang precompiles includes.
func nativeCompilers() []string {
	names := []string{"gcc", "g++"}
	if _, err := exec.LookPath("clang-19"); err == nil {
		names = append(names, "clang-19", "clang++-19")
	}
	return names
}

package ipc

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of docs/protocol.md")

const (
	protocolPage = "../docs/protocol.md"
	generated    = "<!-- From here on written by: go test ./ipc -run Protocol -update -->\n"
)

// TestProtocolPage holds docs/protocol.md equal to the Go types.
func TestProtocolPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(protocolPage)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, found := strings.Cut(string(page), generated)
	if !found {
		t.Fatalf("%s has no line %q", protocolPage, generated)
	}
	want := prose + generated + newProtocol(t).page()
	if *update {
		if err := os.WriteFile(protocolPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Errorf("%s does not say what the types say: run go test ./ipc -run Protocol -update", protocolPage)
	}
}

// TestProtocolExamples has the exchanges on the page with a real server: "→" is sent
// as it stands, "←" must come back, "…" stands for anything.
func TestProtocolExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(protocolPage)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ServerConfig{Root: projectWith(t, "src/main.cpp", "src/broken.cpp")}, CompilationHandlers(fakeCompilation{
		compile: func(_ context.Context, r CompileRequest) (CompileReply, error) {
			reply := CompileReply{File: r.File, Object: "build/obj/hello/" + r.File + ".o", Status: StatusCompiled, Seconds: 0.31}
			if strings.Contains(r.File, "broken") {
				reply.Status, reply.Diagnostics = StatusFailed, "src/broken.cpp:1:1: error: …\n"
			}
			return reply, nil
		},
	}))
	p, lines := connect(t, s.ep.Port), 0
	for line := range strings.Lines(string(page)) {
		if text, ok := strings.CutPrefix(line, "→ "); ok {
			p.say(strings.TrimSpace(text))
		}
		if text, ok := strings.CutPrefix(line, "← "); ok {
			lines++
			got := p.line()
			if before, after, _ := strings.Cut(text, "…"); !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) {
				t.Errorf("the page says %sthe server %s", text, got)
			}
			if strings.Contains(got, CodeUnauthorized) {
				p = connect(t, s.ep.Port)
			}
		}
	}
	if lines < 4 {
		t.Errorf("only %d examples", lines)
	}
}

// TestReservedKeys: no message has a member that the transport needs for itself, and
// no struct has more keys than the check for repeated ones can tell apart.
func TestReservedKeys(t *testing.T) {
	t.Parallel()
	check := func(what string, typ reflect.Type, reserved ...string) {
		if typ == nil || typ.Kind() != reflect.Struct {
			return
		}
		s := shapeOf(typ)
		for _, key := range reserved {
			if s.fields[key] != nil {
				t.Errorf("%s has %q", what, key)
			}
		}
		if len(s.fields) > 60 {
			t.Errorf("%s has %d keys", what, len(s.fields))
		}
	}
	for _, service := range protocolServices() {
		for _, a := range service.methods {
			check(service.name+" "+a.Name+" request", a.Request, "action", "id")
			check(service.name+" "+a.Name+" reply", a.Reply, "ok", "id", "error", "event", "final")
			check(service.name+" "+a.Name+" progress", a.Progress, "ok", "id", "error", "final")
		}
	}
	for _, b := range EventBodies() {
		check(b.EventName(), reflect.TypeOf(b), "id", "error", "final", "schema", "event", "seq", "time", "build")
	}
}

type serviceMethods struct {
	name    string
	methods []Method
}

func protocolServices() []serviceMethods {
	all := append(proofMethods(), tableOf(commonMethods())...)
	return []serviceMethods{
		{"all four", all},
		{NameDiscovery, tableOf(discoveryMethods())},
		{NameSetup, tableOf(setupMethods())},
		{NameCompilation, tableOf(compilationMethods())},
		{NameOrchestrator, tableOf(orchestratorMethods())},
	}
}

func tableOf[S any](table []method[S]) []Method {
	var out []Method
	for _, a := range table {
		out = append(out, a.Method)
	}
	return out
}

// protocol writes the generated part from the types, and from the comments in the
// sources, which reflection does not know.
type protocol struct {
	bytes.Buffer
	comments map[string]string // "Type" and "Type.Field" and constants
	codes    []string          // error codes, as `CodeX`
	listed   map[reflect.Type]bool
	pending  []reflect.Type
}

func newProtocol(t *testing.T) *protocol {
	p := &protocol{comments: make(map[string]string), listed: make(map[reflect.Type]bool)}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, p.collect)
	}
	return p
}

func (p *protocol) collect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		for _, spec := range n.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok {
				p.note(s.Name.Name, s.Doc, n.Doc)
			}
		}
	case *ast.TypeSpec:
		if s, ok := n.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					p.note(n.Name.Name+"."+name.Name, f.Comment, f.Doc)
				}
			}
		}
	case *ast.ValueSpec:
		if strings.HasPrefix(n.Names[0].Name, "Code") && len(n.Values) == 1 {
			value := strings.Trim(n.Values[0].(*ast.BasicLit).Value, `"`)
			p.codes = append(p.codes, value)
			p.note("code "+value, n.Comment)
		}
	}
	return true
}

func (p *protocol) note(key string, groups ...*ast.CommentGroup) {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			p.comments[key] = strings.NewReplacer("|", `\|`, "[", "", "]", "").Replace(text)
			return
		}
	}
}

func (p *protocol) page() string {
	fmt.Fprintf(p, "\n## Limits\n\n| what | limit |\n|---|---|\n")
	for _, l := range [][2]any{
		{"request of a peer that is neither proved nor the same user", fmt.Sprintf("%d KiB", maxStranger>>10)},
		{"plain request", fmt.Sprintf("%d MiB", maxPlain>>20)},
		{"request of a proved peer, and any line of an answer", fmt.Sprintf("%d MiB", maxProved>>20)},
		{"nesting of a request", maxDepth},
		{"connections of a daemon", maxConnections},
		{"from connecting, or from a request's first byte, to its last byte", firstRequest},
		{"the same of a proved peer's request", provedRequest},
		{"between heartbeats", heartbeatEvery},
		{"silence after which a client takes a daemon for hung", silence},
		{"the same two for `subscribe`", fmt.Sprintf("%v, %v", restEvery, restSilence)},
		{"first attempt at dial and proof, and the second", fmt.Sprintf("%v, %v", handshakeTry, handshakeRetry)},
		{"a peer that takes no bytes is given up after", writeStall},
	} {
		fmt.Fprintf(p, "| %v | %v |\n", l[0], l[1])
	}
	fmt.Fprintf(p, "\n## Actions\n\nPlain: open to the same user without a proof. A reply has the members that are listed besides `ok` and `id`.\n")
	for _, s := range protocolServices() {
		p.service(s)
	}
	p.types()
	p.events()
	fmt.Fprintf(p, "\n## Error codes\n\n| code | meaning |\n|---|---|\n")
	for _, c := range p.codes {
		fmt.Fprintf(p, "| `%s` | %s |\n", c, p.comments["code "+c])
	}
	return p.String()
}

func (p *protocol) service(s serviceMethods) {
	fmt.Fprintf(p, "\n### %s\n\n| action | what it does | request | reply | streams | plain |\n|---|---|---|---|---|---|\n",
		strings.ToUpper(s.name[:1])+s.name[1:])
	for _, a := range s.methods {
		name, streams, plain := "`"+a.Name+"`", "", ""
		if a.Progress != nil {
			streams = p.typeName(a.Progress)
		}
		if a.Plain {
			plain = "yes"
		}
		fmt.Fprintf(p, "| %s | %s | %s | %s | %s | %s |\n", name, a.Doc, p.typeName(a.Request), p.typeName(a.Reply), streams, plain)
	}
}

// typeName names a type in JSON's words, with a link if it is listed below.
func (p *protocol) typeName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return p.typeName(t.Elem())
	case t == reflect.TypeFor[Event]():
		return "[event](#events)"
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return "list of " + p.typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "object of " + p.typeName(t.Elem())
	case t.Kind() == reflect.Interface:
		return "object"
	case t.Kind() == reflect.Struct && !decodesItself(t):
		if t.NumField() == 0 {
			return "–"
		}
		if !p.listed[t] {
			p.listed[t] = true
			p.pending = append(p.pending, t)
		}
		return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	}
	return jsonType(t)
}

func (p *protocol) types() {
	for _, b := range EventBodies() {
		p.fields(reflect.TypeOf(b), func(string, reflect.Type, string, string) {}) // what they are made of is listed too
	}
	fmt.Fprintf(p, "\n## Types\n")
	var sections []string
	for len(p.pending) > 0 {
		t := p.pending[0]
		p.pending = p.pending[1:]
		sections = append(sections, p.typeSection("###", t.Name(), t))
	}
	sort.Strings(sections)
	p.WriteString(strings.Join(slices.Compact(sections), ""))
}

func (p *protocol) typeSection(level, title string, t reflect.Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s\n\n%s\n", level, title, p.comments[t.Name()])
	if shapeOf(t).fields == nil || len(shapeOf(t).fields) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "\n| member | type | |\n|---|---|---|\n")
	p.fields(t, func(name string, typ reflect.Type, option, comment string) {
		text := comment
		if strings.Contains(option, "omitempty") {
			text = strings.TrimSuffix("may be left out; "+text, "; ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, p.typeName(typ), text)
	})
	return b.String()
}

// fields calls f for every member, those of embedded structs included.
func (p *protocol) fields(t reflect.Type, f func(name string, t reflect.Type, option, comment string)) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			p.fields(field.Type, f)
		default:
			p.typeName(field.Type)
			f(name, field.Type, option, p.comments[t.Name()+"."+field.Name])
		}
	}
}

func (p *protocol) events() {
	fmt.Fprintf(p, "\n## Events\n\nOne flat object: these members, then the kind's own.\n")
	header := p.typeSection("###", "Every event", reflect.TypeFor[Event]())
	p.WriteString(header)
	for _, b := range EventBodies() {
		p.WriteString(p.typeSection("###", "`"+b.EventName()+"`", reflect.TypeOf(b)))
	}
}

package oracle

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// graph is a random project whose tools are built and run: a step runs a tool, a later tool
// is built from what the step makes, and a program prints what all of them made. Each part
// uses earlier ones only.
type graph struct {
	compiler string
	flags    []string // those of sideFlags make files beside each object
	parts    []part   // tools and steps
}

// part is a tool or a step.
type part struct {
	name string
	tool string // of a step: what it runs; "" for a tool, "sh" for a script

	static  bool     // of a tool: it is linked without the C library's shared object
	uses    []string // of a tool: the headers that it includes
	sources []string // of a tool: sources that steps make, by their place beneath build/gen
	inputs  []string // of a step
	outputs []string // of a step, beneath build/gen
}

func (p part) isTool() bool { return p.tool == "" }

// sideFlags are flags that make files beside the object; their content has no path in it.
var sideFlags = [][]string{nil, nil, {"-fstack-usage"}, {"-save-temps=obj"}, {"-MMD"}, {"-fstack-usage", "-MMD"}}

// data are the files that steps read. They name further ones, which no step declares.
var data = []string{"data/d0.txt", "data/d1.txt", "data/d2.txt"}

// undeclared are lines of data files: what a tool reads without the plan's knowledge.
var undeclared = []string{"include data/u0.txt", "include data/u1.txt", "include data/maybe.txt", "list data/dir", "list data/none", "env GRAPH_A", "env GRAPH_B"}

// variables are what the environment of a build may have; tools ask for those of the lines
// "env NAME", a shell has all of them. The last two belong to a session and never count.
var variables = []string{"GRAPH_A", "GRAPH_B", "GRAPH_C", "SSH_TTY", "WINDOWID"}

// draw makes a graph of two to four tools and some steps between them.
func (g *graph) draw(w *world) {
	g.compiler = pick(w, compilers(w.t))
	g.flags = pick(w, sideFlags)
	for i := range 2 + w.between(3) {
		g.addTool(w, fmt.Sprintf("tool%d", i))
		for range 1 + w.between(2) {
			g.addStep(w)
		}
	}
}

// made are the outputs of the steps so far with that ending.
func (g *graph) made(ending string) (all []string) {
	for _, p := range g.parts {
		for _, out := range p.outputs {
			if strings.HasSuffix(out, ending) {
				all = append(all, out)
			}
		}
	}
	return all
}

func (g *graph) addTool(w *world, name string) {
	p := part{name: name, uses: some(w, g.made(".h"), 50), static: w.chance(30)}
	for _, source := range g.made(".c") {
		if w.chance(30) && !g.compiled(source) {
			p.sources = append(p.sources, source)
		}
	}
	g.parts = append(g.parts, p)
	w.save("p/tools/"+name+".c", g.toolText(p, w.number()), true)
}

// compiled reports whether a tool is built from a source already: its function would be
// there twice in the program.
func (g *graph) compiled(source string) bool {
	return slices.ContainsFunc(g.parts, func(p part) bool { return slices.Contains(p.sources, source) })
}

func (g *graph) addStep(w *world) {
	w.fresh++
	p := part{name: fmt.Sprintf("s%d", w.fresh), tool: "sh"}
	if tools := g.tools(); w.chance(80) {
		p.tool = pick(w, tools)
	}
	p.inputs = some(w, data, 50)
	for _, text := range some(w, g.made(".txt"), 50) {
		p.inputs = append(p.inputs, "build/gen/"+text)
	}
	for i, ending := range some(w, []string{".h", ".c", ".txt"}, 60) {
		p.outputs = append(p.outputs, fmt.Sprintf("%s_%d%s", p.name, i, ending))
	}
	if len(p.outputs) == 0 {
		p.outputs = []string{p.name + "_0.h"}
	}
	g.parts = append(g.parts, p)
}

func some(w *world, from []string, percent int) (taken []string) {
	for _, s := range from {
		if w.chance(percent) {
			taken = append(taken, s)
		}
	}
	return taken
}

func (g *graph) tools() (names []string) {
	for _, p := range g.parts {
		if p.isTool() {
			names = append(names, p.name)
		}
	}
	return names
}

// toolText is the source of a tool: `TOOL INPUT… -- OUTPUT…` writes a number that depends on
// all that it reads into each output, and a log beside the last one.
func (g *graph) toolText(p part, salt int) string {
	var b strings.Builder
	b.WriteString("#include \"common.h\"\n")
	for _, h := range p.uses {
		fmt.Fprintf(&b, "#include %q\n", h)
	}
	for _, s := range p.sources {
		fmt.Fprintf(&b, "unsigned long f_%s(void);\n", stem(s))
	}
	fmt.Fprintf(&b, "unsigned long salt(void) {\n\tunsigned long n = %d;\n", salt)
	for _, h := range p.uses {
		fmt.Fprintf(&b, "\tn = n * 31 + %s;\n", stem(h))
	}
	for _, s := range p.sources {
		fmt.Fprintf(&b, "\tn = n * 31 + f_%s();\n", stem(s))
	}
	return b.String() + "\treturn n;\n}\n"
}

func stem(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }

// commonText is the header that has the tools' main function.
func commonText(seed int) string {
	return fmt.Sprintf("#define SEED %d\n", seed) + `#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
unsigned long salt(void);
static unsigned long h = SEED;
static void mix(const char *s) { while (*s) h = h * 131 + (unsigned char)*s++; }
static void list(const char *name) {
	DIR *d = opendir(name);
	unsigned long sum = 0;
	for (struct dirent *e; d && (e = readdir(d)); )
		for (char *s = e->d_name; *s; s++) sum += (unsigned long)*s * 7919;
	if (d) closedir(d);
	h = h * 31 + sum;
}
static void input(const char *name) {
	FILE *f = fopen(name, "r");
	char line[256];
	if (!f) { mix("?"); return; }
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "include ", 8)) input(line + 8);
		else if (!strncmp(line, "list ", 5)) list(line + 5);
		else if (!strncmp(line, "env ", 4)) mix(getenv(line + 4) ? getenv(line + 4) : "?");
		else mix(line);
	}
	fclose(f);
}
static int output(const char *name) {
	char stem[128];
	const char *base = strrchr(name, '/') + 1, *dot = strrchr(base, '.');
	FILE *f = fopen(name, "w");
	snprintf(stem, sizeof stem, "%.*s", (int)(dot - base), base);
	if (!strcmp(dot, ".h")) fprintf(f, "#define %s %luUL\n", stem, h);
	else if (!strcmp(dot, ".c")) fprintf(f, "unsigned long f_%s(void) { return %luUL; }\n", stem, h);
	else fprintf(f, "%lu\n", h);
	return fclose(f);
}
int main(int c, char **v) {
	int i = 1;
	char log[300];
	h += salt();
	for (; i < c && strcmp(v[i], "--"); i++) input(v[i]);
	for (i++; i < c; i++) if (output(v[i])) return 1;
	snprintf(log, sizeof log, "%s.log", v[c - 1]);
	FILE *f = fopen(log, "w");
	fprintf(f, "made %s\n", v[c - 1]);
	return fclose(f);
}
`
}

// scriptText is what the steps without a tool run: the number is the sum of all that it reads.
// It opens files without asking whether they exist: what a shell asks about counts with its
// time, so a file of the same content and another time is another input.
func scriptText(salt int) string {
	return fmt.Sprintf("salt=%d\n", salt) + `files=
while [ "$1" != -- ]; do
	files="$files $1"
	files="$files $(sed -n 's/^include //p' "$1")"
	shift
done
shift
n=$( { cat /dev/null $files 2>/dev/null; echo "$GRAPH_A $GRAPH_B $GRAPH_C"; } | cksum | cut -d' ' -f1)$salt
for out; do
	base=${out##*/}
	case $out in
	*.h) echo "#define ${base%.*} ${n}UL" ;;
	*.c) echo "unsigned long f_${base%.*}(void) { return ${n}UL; }" ;;
	*) echo "$n" ;;
	esac >"$out"
done
`
}

// mainText is the program: it prints what the steps made.
func (g *graph) mainText() string {
	var b strings.Builder
	b.WriteString("#include <stdio.h>\n")
	for _, h := range g.made(".h") {
		fmt.Fprintf(&b, "#include %q\n", h)
	}
	for _, s := range g.made(".c") {
		fmt.Fprintf(&b, "unsigned long f_%s(void);\n", stem(s))
	}
	b.WriteString("int main(void) {\n")
	for _, h := range g.made(".h") {
		fmt.Fprintf(&b, "\tprintf(\"%%lu\\n\", %s);\n", stem(h))
	}
	for _, s := range g.made(".c") {
		fmt.Fprintf(&b, "\tprintf(\"%%lu\\n\", f_%s());\n", stem(s))
	}
	return b.String() + "\treturn 0;\n}\n"
}

// toml is the project's replibuild.toml.
func (g *graph) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[project]\nname = \"graph\"\n[compilation]\ncompiler = %q\noptimization = \"0\"\ndebug = false\ninclude_dirs = [\"tools\"]\nc_flags = %s\n", g.compiler, list(g.flags))
	sources := []string{"src/main.c"}
	for _, s := range g.made(".c") {
		sources = append(sources, "{out}/"+s)
	}
	fmt.Fprintf(&b, "[targets.app]\nkind = \"executable\"\nsources = %s\n", list(sources))
	for _, p := range g.parts {
		if p.isTool() {
			sources := []string{"tools/" + p.name + ".c"}
			for _, s := range p.sources {
				sources = append(sources, "{out}/"+s)
			}
			fmt.Fprintf(&b, "[targets.%s]\nkind = \"executable\"\nsources = %s\n", p.name, list(sources))
			if p.static {
				b.WriteString("link_flags = [\"-static\"]\n")
			}
			continue
		}
		command := []string{"{target:" + p.tool + "}"}
		inputs := p.inputs
		if p.tool == "sh" {
			command, inputs = []string{"sh", "tools/gen.sh"}, append(slices.Clone(inputs), "tools/gen.sh")
		}
		command = append(append(command, p.inputs...), "--")
		for _, out := range p.outputs {
			command = append(command, "{out}/"+out)
		}
		fmt.Fprintf(&b, "[[generate]]\ncommand = %s\ninputs = %s\noutputs = %s\n", list(command), list(inputs), list(p.outputs))
	}
	return b.String()
}

// write writes what follows from the parts.
func (g *graph) write(w *world) {
	w.save("p/src/main.c", g.mainText(), w.chance(50))
	w.save("p/replibuild.toml", g.toml(), w.chance(50))
}

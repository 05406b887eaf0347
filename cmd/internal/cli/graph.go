package cli

import (
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) graphCommand() *cobra.Command {
	var dot, all bool
	c := a.jsonFlag(&cobra.Command{
		Use:   "graph FILE",
		Short: "Show what a file includes and what that costs",
		Long: "Shows the tree of includes below a source file or header, as the last compile read them.\n" +
			"For each file: its size, how many units read it, and the seconds that these units take\n" +
			"together, which is what a change of it costs.",
		Example:           "  replibuild graph src/main.cpp\n  replibuild graph --dot include/app.h | dot -Tsvg >app.svg",
		Args:              oneArgument("FILE"),
		ValidArgsFunction: completion(a.completeFile),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.openBuilt()
			if err != nil {
				return err
			}
			reply, err := p.Graph(cmd.Context(), p.Subject(subjectOf(p.Root(), args[0])))
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.GraphReply
				}{ipc.Schema, reply})
			case dot:
				a.printDot(reply)
			default:
				(&graphTree{app: a, reply: reply, all: all, source: p.SourceDir(), seen: map[int]bool{}}).print()
			}
			return nil
		},
	})
	c.Flags().BoolVar(&dot, "dot", false, "print Graphviz: pipe it into `dot -Tsvg`")
	c.Flags().BoolVar(&all, "all", false, "go on below headers that lie outside the project")
	return c
}

// graphTree prints the tree of includes. A file that was shown is not shown again with
// all that is below it.
type graphTree struct {
	app    *app
	reply  ipc.GraphReply
	all    bool
	source string // the folder of the sources, "" if they lie in the root
	seen   map[int]bool
}

func (g *graphTree) print() {
	g.app.printf("%8s %6s %8s\n", "seconds", "units", "size")
	g.node(0, "", "")
	unit, _ := ownName(g.source, words.Node(g.reply.Unit))
	g.app.printf("as %s sees it; %s in all", unit, words.Plural(len(g.reply.Files), "file"))
	if n := g.reply.Unplaced; n > 0 {
		g.app.printf(", and %d that no include names", n)
	}
	fmt.Fprintln(g.app.Stdout)
	g.readers()
}

func (g *graphTree) node(i int, lead, below string) {
	f := g.reply.Files[i]
	again := g.seen[i] && len(f.Includes) > 0
	name, ours := ownName(g.source, f.Path)
	outside := !g.all && !ours && i != 0
	note := ""
	switch {
	case again:
		note = " (see above)"
	case outside && len(f.Includes) > 0:
		note = fmt.Sprintf(" (includes %d)", len(f.Includes))
	}
	g.app.printf("%8s %6d %8s  %s%s%s\n", seconds(f.Seconds), f.Units, bytesText(f.Bytes), lead, name, note)
	g.seen[i] = true
	if again || outside {
		return
	}
	for n, child := range f.Includes {
		branch, deeper := "├─ ", "│  "
		if n == len(f.Includes)-1 {
			branch, deeper = "└─ ", "   "
		}
		g.node(child, below+branch, below+deeper)
	}
}

// ownName is the name of a file beneath the folder of the sources, "" if they lie in the root.
// It reports whether the file lies in either.
func ownName(source, file string) (string, bool) {
	if rest, is := strings.CutPrefix(file, source+"/"); is && source != "" {
		return rest, true
	}
	return file, !path.IsAbs(file)
}

func (g *graphTree) readers() {
	for _, list := range []struct {
		what string
		ids  []string
	}{{"read by", g.reply.Readers}, {"searched for, but not found, by", g.reply.Missed}} {
		if len(list.ids) == 0 {
			continue
		}
		g.app.printf("→ %s is %s %s\n", g.reply.Subject, list.what, readers(list.ids))
		for _, id := range list.ids[:min(len(list.ids), maxLines)] {
			name, _ := ownName(g.source, words.Node(id))
			g.app.printf("  %s\n", name)
		}
	}
}

// printDot prints the graph for Graphviz.
func (a *app) printDot(reply ipc.GraphReply) {
	a.printf("digraph includes {\n  rankdir=LR; node [shape=box];\n")
	for i, f := range reply.Files {
		label := fmt.Sprintf("%s\n%s in %s, %s", f.Path, seconds(f.Seconds), words.Plural(f.Units, "unit"), bytesText(f.Bytes))
		a.printf("  n%d [label=%q];\n", i, label)
	}
	for i, f := range reply.Files {
		for _, to := range f.Includes {
			a.printf("  n%d -> n%d;\n", i, to)
		}
	}
	fmt.Fprintln(a.Stdout, "}")
}

// bytesText is a size in a few characters: "812 B", "3.4 KB", "1.2 MB".
func bytesText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return megabytes(n)
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	replibuild string   // the binary measured
	real       string   // the fetched projects; "" = generated ones only
	work       string   // where trees are built
	out        string   // report; "" = only printed
	only       []string // row ids; nil = all
	projects   []string // project names; nil = each row's own
	tools      []string // columns; nil = all
	runs       int
	files      int // sources that the edit rows edit; 0 = all
	keep       bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	var only, projects, tools, generate string
	var list bool
	var s shape
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&o.replibuild, "replibuild", "", "the `binary` to measure (default: built from this checkout)")
	fs.StringVar(&o.real, "real", "", "the `folder` that examples/fetch.sh filled; without it only generated projects")
	fs.StringVar(&o.work, "work", "", "the `folder` to build in (default: a temporary one)")
	fs.StringVar(&o.out, "out", "", "also write the report to `FILE`")
	fs.StringVar(&only, "only", "", "comma-separated `rows`; -list names them, and ninja-* are all whose names begin so")
	fs.StringVar(&projects, "projects", "", "comma-separated `projects` instead of each row's own")
	fs.StringVar(&tools, "tools", "", "comma-separated `tools`, those that the report names; replibuild is one of them always")
	fs.IntVar(&o.runs, "runs", 5, "samples of each tool")
	fs.IntVar(&o.files, "files", 8, "how many `sources` the edit rows edit, spread over the project; 0 = all")
	fs.BoolVar(&o.keep, "keep", false, "leave the trees")
	fs.BoolVar(&list, "list", false, "list rows and projects")
	fs.StringVar(&generate, "generate", "", "only write a synthetic project into `DIR`, with build.ninja and Makefile")
	fs.IntVar(&s.units, "units", 40, "for -generate: sources")
	fs.IntVar(&s.headers, "headers", 20, "for -generate: headers")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.only, o.projects, o.tools = split(only), split(projects), split(tools)
	switch {
	case list:
		return printList(out)
	case generate != "":
		return generateProject(ctx, generate, s)
	}
	return measure(ctx, o, out)
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func printList(out io.Writer) error {
	for _, r := range rows() {
		fmt.Fprintf(out, "%-15s %s (%s)\n", r.id, r.title, strings.Join(r.projects, ", "))
	}
	for _, p := range subjects() {
		fmt.Fprintf(out, "project         %s\n", p.name)
	}
	return nil
}

func generateProject(ctx context.Context, dir string, s shape) error {
	if err := generateTree(dir, s); err != nil {
		return err
	}
	plan, err := planOf(ctx, dir, os.Environ())
	if err != nil {
		return err
	}
	return writeBuildFiles(dir, plan)
}

// measure runs the chosen rows and reports.
func measure(ctx context.Context, o options, out io.Writer) error {
	for _, id := range o.only {
		if !slices.ContainsFunc(rows(), func(r row) bool { return named(r.id, id) }) {
			return fmt.Errorf("there is no row %q; -list names them", id)
		}
	}
	b, err := newBench(ctx, o, out)
	if err != nil {
		return err
	}
	defer b.close()
	rep := report{versions: b.versions(ctx), cores: runtime.NumCPU(), options: o}
	failed := b.rows(ctx, &rep)
	rep.write(out) // what was measured before an error too
	if failed != nil || o.out == "" {
		return failed
	}
	f, err := os.Create(filepath.Clean(o.out))
	if err != nil {
		return err
	}
	rep.write(f)
	return f.Close()
}

// named reports whether an ID is asked for by its name, or by its first letters and a "*".
func named(id, asked string) bool {
	start, group := strings.CutSuffix(asked, "*")
	return id == asked || group && strings.HasPrefix(id, start)
}

// rows measures the chosen rows into rep.
func (b *bench) rows(ctx context.Context, rep *report) error {
	for _, r := range rows() {
		if b.only != nil && !slices.ContainsFunc(b.only, func(id string) bool { return named(r.id, id) }) {
			continue
		}
		for _, name := range b.projectsOf(r) {
			fmt.Fprintf(os.Stderr, "%s: %s\n", r.id, name)
			lines, err := b.runRow(ctx, r, name)
			if err != nil {
				return fmt.Errorf("row %s, project %s: %w", r.id, name, err)
			}
			rep.lines = append(rep.lines, lines...)
		}
	}
	return nil
}

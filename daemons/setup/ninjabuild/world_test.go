package ninjabuild

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// world is a random build that can be written as a manifest. Every command adds its first
// output to the file "trace".
type world struct {
	rand    *rand.Rand
	sources []string
	edges   []worldEdge
	flags   string // part of every command
}

type worldEdge struct {
	kind                  string // the rule
	outs                  []string
	ins, implicit, order  []string
	header                string // read without being an input, of rule deps or depfile
	valid                 string // a validation
	extra                 string // an output that is implicit
	dyndep, dyndepContent string
}

const worldRules = `rule cat
  command = echo $out >>trace; cat $in >$out; : %[1]s
rule restat
  command = echo $out >>trace; cat $in | head -c 3 >$out.new; cmp -s $out.new $out || cp $out.new $out; rm -f $out.new; : %[1]s
  restat = 1
rule deps
  command = echo $out >>trace; cat $in $header >$out; echo "$out: $in $header" >$out.d; : %[1]s
  depfile = $out.d
  deps = gcc
rule depfile
  command = echo $out >>trace; cat $in $header >$out; printf '$out: \\\n $in $header\n' >$out.d; : %[1]s
  depfile = $out.d
rule rsp
  command = echo $out >>trace; cat $out.rsp >$out; cat $in >>$out; : %[1]s
  rspfile = $out.rsp
  rspfile_content = $in_newline
rule two
  command = echo $out >>trace; cat $in >$out; cat $in >$extra; : %[1]s
  pool = narrow
rule fail
  command = echo $out >>trace; : %[1]s; ! grep -q bad $in && cat $in >$out
rule dd
  command = echo $out >>trace; cp $in $out
`

func newWorld(seed uint64) *world {
	w := &world{rand: rand.New(rand.NewPCG(seed, 1)), flags: "A"}
	for i := range 4 {
		w.sources = append(w.sources, fmt.Sprintf("src%d", i))
	}
	kinds := []string{"cat", "restat", "deps", "depfile", "rsp", "two", "fail", "phony"}
	for i := range 4 + w.rand.IntN(10) {
		e := worldEdge{kind: kinds[w.rand.IntN(len(kinds))], outs: []string{fmt.Sprintf("sub%d/out%d", i%3, i)}}
		e.ins = w.pick(1 + w.rand.IntN(3))
		if w.rand.IntN(3) == 0 {
			e.implicit = w.pick(1)
		}
		if w.rand.IntN(3) == 0 {
			e.order = w.pick(1)
		}
		switch {
		case e.kind == "deps" || e.kind == "depfile":
			e.header = w.sources[w.rand.IntN(len(w.sources))]
		case e.kind == "two":
			e.extra = e.outs[0] + ".extra"
		case e.kind == "phony":
			e.outs[0] = fmt.Sprintf("phony%d", i)
			e.ins, e.implicit = append(e.ins, e.implicit...), nil
		case e.kind == "cat" && w.rand.IntN(3) == 0:
			e.dyndep = e.outs[0] + ".dd"
			e.dyndepContent = fmt.Sprintf("ninja_dyndep_version = 1\nbuild %s | %s.dynout: dyndep | %s\n", e.outs[0], e.outs[0], w.sources[w.rand.IntN(len(w.sources))])
		}
		if len(w.edges) > 0 && w.rand.IntN(6) == 0 && e.kind != "phony" {
			e.valid = w.edges[w.rand.IntN(len(w.edges))].outs[0]
		}
		w.edges = append(w.edges, e)
	}
	return w
}

// pick chooses files that commands may read: no phony names, which are no files.
func (w *world) pick(n int) []string {
	files := slices.Clone(w.sources)
	for _, e := range w.edges {
		if e.kind != "phony" {
			files = append(files, e.outs[0])
		}
	}
	var chosen []string
	for range n {
		if f := files[w.rand.IntN(len(files))]; !slices.Contains(chosen, f) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

func (w *world) manifest() string {
	var b strings.Builder
	b.WriteString("pool narrow\n  depth = 1\n")
	fmt.Fprintf(&b, worldRules, w.flags)
	for _, e := range w.edges {
		if e.dyndep != "" {
			fmt.Fprintf(&b, "build %s: dd %s.in\n", e.dyndep, e.dyndep)
		}
		b.WriteString("build " + e.outs[0])
		if e.extra != "" {
			b.WriteString(" | " + e.extra)
		}
		fmt.Fprintf(&b, ": %s %s", e.kind, strings.Join(e.ins, " "))
		if implicit := e.implicit; e.dyndep != "" || len(implicit) > 0 {
			b.WriteString(" | " + strings.Join(implicit, " ") + " " + e.dyndep)
		}
		if len(e.order) > 0 {
			b.WriteString(" || " + strings.Join(e.order, " "))
		}
		if e.valid != "" {
			b.WriteString(" |@ " + e.valid)
		}
		fmt.Fprintf(&b, "\n  header = %s\n  extra = %s\n", e.header, e.extra)
		if e.dyndep != "" {
			fmt.Fprintf(&b, "  dyndep = %s\n", e.dyndep)
		}
	}
	return b.String()
}

// save writes the manifest and the inputs of dyndep files.
func (w *world) save(t *testing.T, dir string) {
	write(t, dir, "build.ninja", w.manifest())
	for _, e := range w.edges {
		if e.dyndep != "" && read(t, dir, e.dyndep+".in") != e.dyndepContent {
			write(t, dir, e.dyndep+".in", e.dyndepContent)
		}
	}
}

// change is one thing that a user does, the same in all folders.
func (w *world) change() (what string, do func(t *testing.T, dir string)) {
	source := w.sources[w.rand.IntN(len(w.sources))]
	e := w.edges[w.rand.IntN(len(w.edges))]
	content := fmt.Sprintf("text %d\n", w.rand.IntN(3))
	switch w.rand.IntN(9) {
	case 0:
		return "nothing", func(*testing.T, string) {}
	case 1:
		return "touch " + source, func(t *testing.T, dir string) { write(t, dir, source, read(t, dir, source)) }
	case 2:
		w.flags += "B"
		return "other flags", w.save
	case 3:
		return "remove " + e.outs[0], func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, e.outs[0])) }
	case 4:
		return "touch output " + e.outs[0], func(t *testing.T, dir string) {
			if text := read(t, dir, e.outs[0]); text != "" {
				write(t, dir, e.outs[0], text)
			}
		}
	case 5:
		return "break " + source, func(t *testing.T, dir string) { write(t, dir, source, "bad\n") }
	case 6:
		return "remove depfile of " + e.outs[0], func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, e.outs[0]+".d")) }
	}
	return "edit " + source, func(t *testing.T, dir string) { write(t, dir, source, content) }
}

// state is all that a build leaves, but ninja's own files, and what ran.
func state(t *testing.T, dir string) string {
	var lines []string
	trace := strings.Split(read(t, dir, "trace"), "\n")
	slices.Sort(trace)
	os.Remove(filepath.Join(dir, "trace"))
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !e.IsDir() && !strings.HasPrefix(name, ".ninja_") {
			lines = append(lines, name+": "+read(t, dir, name))
		}
		return err
	})
	return "ran: " + strings.Join(trace, " ") + "\n" + strings.Join(lines, "\n")
}

// restorer is a shell that knows some results already; others it has to be asked to run.
type restorer struct{ doubter }

func (r restorer) Restore(ctx context.Context, commands []Command, done func(i int, result Result, known bool)) {
	for i, c := range commands {
		if len(c.Line)%2 == 0 {
			done(i, Result{}, false)
		} else {
			done(i, r.Run(ctx, c), true)
		}
	}
}

// knowing runs our ninja with a runner that knows some results.
func knowing(t *testing.T, dir string) outcome {
	t.Helper()
	return oursIn(context.Background(), Caller{Dir: dir, Args: []string{"-k0"}, Env: testEnv(), Runner: restorer{}})
}

// Random builds and changes: we run the commands that ninja runs, and leave the files that
// it leaves; and in a third folder the two take turns.
func TestSameAsNinja(t *testing.T) {
	t.Parallel()
	realNinja(t)
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(seed)
			root := t.TempDir()
			a, b, turns := filepath.Join(root, "ours"), filepath.Join(root, "theirs"), filepath.Join(root, "turns")
			for _, dir := range []string{a, b, turns} {
				for _, s := range w.sources {
					write(t, dir, s, "text 0\n")
				}
				w.save(t, dir)
			}
			for step := range 8 {
				what, do := "first build", func(*testing.T, string) {}
				if step > 0 {
					what, do = w.change()
				}
				tick(t, root)
				for _, dir := range []string{a, b, turns} {
					do(t, dir)
				}
				tick(t, root)
				one, two := knowing(t, a), theirs(t, b, "-k0")
				three := two
				if step%2 == 0 {
					three = knowing(t, turns)
				} else {
					three = theirs(t, turns, "-k0")
				}
				want := state(t, b)
				for name, dir := range map[string]string{"ours": a, "in turns": turns} {
					if got := state(t, dir); got != want {
						t.Fatalf("step %d, %s, %s:\n%s\nninja:\n%s\nsaid:\n%v\n%v\n%v\n%s", step, what, name, got, want, one, three, two, w.manifest())
					}
				}
				// Exit codes of commands are passed on since 1.13.
				if (one.code == 0) != (two.code == 0) || (three.code == 0) != (two.code == 0) {
					t.Fatalf("step %d, %s: exit codes %d, %d, ninja %d\n%s%s", step, what, one.code, three.code, two.code, one.stdout, two.stdout)
				}
				tick(t, root)
			}
		})
	}
}

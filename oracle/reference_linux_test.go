package oracle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// digest is SHA-256 of something.
type digest [sha256.Size]byte

func digestOf(parts ...string) digest {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return digest(h.Sum(nil))
}

// plainResult is what a command made when it was simply run.
type plainResult struct {
	output []byte      // nil if it failed
	text   string      // what it printed
	mode   fs.FileMode // of the output
	inputs []string    // of a compile that succeeded: the files that it read, as spelled
}

// plainCompiler runs the command lines of a plan from scratch. It runs a command
// again only if something may be different: see [plainCompiler.reach]. One in ten
// answers from memory is checked by running the command all the same.
type plainCompiler struct {
	w          *world
	memory     map[digest]plainResult
	ran        int
	remembered int
	doubts     []string // answers from memory that turned out wrong
}

func newPlainCompiler(w *world) *plainCompiler {
	w.must(os.MkdirAll(w.abs("plain"), 0o755))
	return &plainCompiler{w: w, memory: map[digest]plainResult{}}
}

// includeName finds whatever may be the name of a file in a text. All names in the
// texts of this test are literal.
var includeName = regexp.MustCompile(`["<]([\w./-]+\.h)[">]`)

func namesIn(text string) (found []string) {
	for _, m := range includeName.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// forest is every path beneath the world by its last element, links followed: what
// could be found under a name wherever one searches.
type forest map[string][]string

func (w *world) forest() (forest, map[string]string) {
	byName, texts := forest{}, map[string]string{}
	var walk func(abs string, depth int)
	walk = func(abs string, depth int) {
		entries, _ := os.ReadDir(abs)
		for _, e := range entries {
			p := abs + "/" + e.Name()
			if ours(w.rel(p)) || e.Type()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
				continue
			}
			byName[e.Name()] = append(byName[e.Name()], p)
			text, err := os.ReadFile(p)
			switch {
			case err == nil:
				texts[p] = string(text)
				if strings.Contains(texts[p], "#pragma once") { // see twins
					sig := ipc.StatSignature(p)
					texts[p] += fmt.Sprint("\x00", sig.Dev, sig.Ino, sig.Mtime/1e9)
				}
			case ipc.StatSignature(p).IsDir() && depth < 6:
				texts[p] = "\x00folder"
				walk(p, depth+1)
			default:
				texts[p] = "\x00nothing"
			}
		}
	}
	walk(w.root(), 0)
	walk(w.abs("ext"), 0)
	walk(w.root()+"/build/gen", 0)
	return byName, texts
}

// reach describes everything that a compile of source could possibly depend on: all
// files, wherever they lie, whose last name is one that the source or another of
// those files mentions. It knows nothing of search paths and conditions, so it cannot
// share a mistake about them.
func (w *world) reach(byName forest, texts map[string]string, source string) string {
	seen := map[string]bool{}
	queue := namesIn(texts[source])
	parts := map[string]string{source: texts[source]}
	for len(queue) > 0 {
		name := path.Base(queue[0])
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, p := range byName[name] {
			parts[p] = texts[p]
			queue = append(queue, namesIn(texts[p])...)
		}
	}
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&b, "%s\x00%s\x00", p, parts[p])
	}
	return b.String()
}

// compile is what a unit's command line makes, with another output.
func (c *plainCompiler) compile(plan *ipc.Plan, u *ipc.Action, byName forest, texts map[string]string) plainResult {
	line := plan.Line(u)
	line = line[:len(line)-2] // -o OBJECT
	source := u.Source
	if !filepath.IsAbs(source) {
		source = plan.Root + "/" + source
	}
	key := digestOf(strings.Join(line, "\x00"), strings.Join(c.w.environ(), "\x00"), c.w.reach(byName, texts, source), c.w.beside(),
		c.w.sourceTime(source), c.w.caller.prefix)
	return c.remember(u.ID, key, func() plainResult {
		dep := c.w.abs("plain/dep")
		r := c.run(plan, append(slices.Clone(line), "-MD", "-MF", dep), "object")
		if r.output != nil {
			text, err := os.ReadFile(dep)
			c.w.must(err)
			_, names, _ := strings.Cut(string(text), ":")
			r.inputs = filesOf(names)
		}
		return r
	})
}

// filesOf splits the names of a dependency file: a space or tab in a name stands behind a
// backslash.
func filesOf(names string) []string {
	const space, tab = "\x00", "\x01"
	names = strings.NewReplacer("\\\n", " ", `\ `, space, "\\\t", tab, `\#`, "#", "$$", "$").Replace(names)
	files, plain := strings.Fields(names), strings.NewReplacer(space, " ", tab, "\t")
	for i, f := range files {
		files[i] = plain.Replace(f)
	}
	return files
}

func (c *plainCompiler) remember(what string, key digest, make func() plainResult) plainResult {
	known, ok := c.memory[key]
	if ok && !c.w.chance(10) {
		c.remembered++
		return known
	}
	r := make()
	c.ran++
	if ok && !bytes.Equal(c.w.withoutStamp(known.output), c.w.withoutStamp(r.output)) {
		c.doubts = append(c.doubts, "the test's own memory of "+what+" is wrong")
	}
	c.memory[key] = r
	return r
}

// run runs a command where and as the plan says, but for the output.
func (c *plainCompiler) run(plan *ipc.Plan, line []string, what string) plainResult {
	out := c.w.abs("plain/" + what)
	_ = os.Remove(out)
	var text []byte
	for tries := 0; ; tries++ {
		cmd := c.w.caller.command(append(slices.Clone(line), "-o", out))
		cmd.Dir, cmd.Env = plan.Root, slices.Concat(c.w.environ(), c.w.settings.assigned(), []string{"PWD=" + plan.Root})
		var err error
		if text, err = cmd.CombinedOutput(); err == nil {
			break
		}
		// One that was killed or could not be started says nothing about the source.
		if said := new(exec.ExitError); errors.As(err, &said) && said.ExitCode() > 0 || tries == 3 {
			return plainResult{text: fmt.Sprintf("%s%v", text, err)}
		}
	}
	made, err := os.ReadFile(out)
	c.w.must(err)
	info, err := os.Stat(out)
	c.w.must(err)
	return plainResult{output: made, text: string(text), mode: info.Mode()}
}

// link is what makes a target of the objects and libraries that lie in the build
// folder: they have been compared before.
func (c *plainCompiler) link(plan *ipc.Plan, a *ipc.Action) plainResult {
	command, members := plan.Commands[a.Command], a.Inputs
	chain := plan.Toolchains[command.Toolchain]
	line := slices.Concat([]string{command.Program(chain)}, command.Args, members, command.Libs)
	parts := []string{a.Kind, c.w.caller.prefix, strings.Join(line, "\x00"), strings.Join(c.w.environ(), "\x00")}
	for _, m := range members {
		text, err := os.ReadFile(plan.Root + "/" + m)
		c.w.must(err)
		parts = append(parts, string(text))
	}
	return c.remember("link of "+a.Target, digestOf(parts...), func() plainResult {
		if a.Kind == ipc.ActionArchive {
			return c.archive(plan, chain, members)
		}
		return c.run(plan, line, path.Base(a.Output()))
	})
}

func (c *plainCompiler) archive(plan *ipc.Plan, chain ipc.Toolchain, members []string) plainResult {
	out := c.w.abs("plain/archive.a")
	_ = os.Remove(out)
	cmd := c.w.caller.command(append([]string{chain.AR, "qcsD", out}, members...))
	cmd.Dir, cmd.Env = plan.Root, c.w.environ()
	if text, err := cmd.CombinedOutput(); err != nil {
		return plainResult{text: string(text)}
	}
	made, err := os.ReadFile(out)
	c.w.must(err)
	info, err := os.Stat(out)
	c.w.must(err)
	return plainResult{output: made, mode: info.Mode()}
}

// searchDirs are the folders in which a command line and environment have headers
// looked for, in no order.
func searchDirs(line, env []string) (dirs []string) {
	for i, arg := range line {
		for _, flag := range []string{"-isystem", "-iquote", "-idirafter", "-I"} {
			if rest, ok := strings.CutPrefix(arg, flag); ok {
				if rest == "" && i+1 < len(line) {
					rest = line[i+1]
				}
				dirs = append(dirs, rest)
				break
			}
		}
	}
	for _, name := range []string{"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"} {
		for _, dir := range filepath.SplitList(ipc.EnvValue(env, name)) {
			dirs = append(dirs, cmp.Or(dir, "."))
		}
	}
	return dirs
}

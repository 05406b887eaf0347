package oracle

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// scratch is a copy of the project's sources in which the plan's commands are run, one after
// the other, from nothing.
type scratch struct {
	dir    string
	env    []string
	plan   *ipc.Plan
	states map[string]digest // of what ran: its command and all that it may read
	failed map[string]string // what the commands that failed printed, by action
	absent map[string]bool   // actions that something failed for
}

// runFromNothing makes the copy and runs every action of the plan.
func (w *world) runFromNothing(plan *ipc.Plan) *scratch {
	s := &scratch{dir: w.abs("scratch"), env: w.environ(), plan: plan, states: map[string]digest{}, failed: map[string]string{}, absent: map[string]bool{}}
	w.must(os.RemoveAll(s.dir))
	for file, n := range w.tree() {
		rel, inside := strings.CutPrefix(file, "p/")
		if !inside || n.kind == 'd' {
			continue
		}
		to := filepath.Join(s.dir, rel)
		w.must(os.MkdirAll(filepath.Dir(to), 0o755))
		w.must(os.WriteFile(to, []byte(n.text), 0o644))
	}
	for file, n := range w.tree() {
		if rel, inside := strings.CutPrefix(file, "p/"); inside && n.kind == 'd' {
			w.must(os.MkdirAll(filepath.Join(s.dir, rel), 0o755))
		}
	}
	done := map[string]bool{}
	maker := map[string]string{}
	for i := range plan.Actions {
		for _, out := range plan.Actions[i].Outputs {
			maker[out] = plan.Actions[i].ID
		}
	}
	var visit func(a *ipc.Action)
	visit = func(a *ipc.Action) {
		if done[a.ID] {
			return
		}
		done[a.ID] = true
		before := slices.Clone(a.After)
		for _, in := range append(slices.Clone(a.Inputs), a.Source) {
			if id := maker[in]; id != "" {
				before = append(before, id)
			}
		}
		for _, id := range before {
			visit(plan.Action(id))
			if s.absent[id] {
				s.absent[a.ID] = true
			}
		}
		if !s.absent[a.ID] {
			s.run(w, a)
		}
	}
	for i := range plan.Actions {
		visit(&plan.Actions[i])
	}
	return s
}

// run runs one action in the copy.
func (s *scratch) run(w *world, a *ipc.Action) {
	line := s.plan.Line(a)
	if len(line) == 0 {
		return
	}
	for _, out := range a.Outputs {
		w.must(os.MkdirAll(filepath.Dir(filepath.Join(s.dir, out)), 0o755))
	}
	s.states[a.ID] = s.state(a, line)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir, cmd.Env = s.dir, append(slices.Clone(s.env), "PWD="+s.dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		s.failed[a.ID], s.absent[a.ID] = fmt.Sprintf("%s%v", text, err), true
	}
}

// state is the command of an action and the content of all that it may read.
func (s *scratch) state(a *ipc.Action, line []string) digest {
	read := map[string]string{}
	switch a.Kind {
	case ipc.ActionCompile:
		s.reach(a.Source, read)
	case ipc.ActionCommand:
		read[line[0]] = s.text(line[0])
		if strings.HasSuffix(line[0], "sh") || isStatic(read[line[0]]) { // the whole environment counts, but for the session's
			for _, name := range variables[:3] {
				read["env "+name] = ipc.EnvValue(s.env, name)
			}
		}
		for _, in := range a.Inputs {
			s.inputs(in, read)
		}
	default:
		for _, in := range a.Inputs {
			read[in] = s.text(in)
		}
	}
	parts := []string{strings.Join(line, "\x00")}
	for _, file := range slices.Sorted(maps.Keys(read)) {
		parts = append(parts, file, read[file])
	}
	return digestOf(parts...)
}

// isStatic reports whether a program is linked statically: how it reads its environment is not
// seen, so all of it counts.
func isStatic(program string) bool {
	f, err := elf.NewFile(strings.NewReader(program))
	return err == nil && !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

func (s *scratch) text(file string) string {
	if filepath.IsAbs(file) {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		return "\x00" + err.Error()
	}
	return string(text)
}

// reach adds a source and the project's headers that it names; their names are unique.
func (s *scratch) reach(file string, read map[string]string) {
	if _, known := read[file]; known {
		return
	}
	read[file] = s.text(file)
	for _, name := range namesIn(read[file]) {
		for _, dir := range []string{"tools", "build/gen"} {
			if header := path.Join(dir, name); ipc.StatSignature(filepath.Join(s.dir, header)).Exists() {
				s.reach(header, read)
			}
		}
	}
}

// inputs adds what a tool or the script reads of a data file, by the lines in it.
func (s *scratch) inputs(file string, read map[string]string) {
	read[file] = s.text(file)
	for line := range strings.Lines(read[file]) {
		line = strings.TrimSuffix(line, "\n")
		if more, ok := strings.CutPrefix(line, "include "); ok {
			s.inputs(more, read)
		} else if dir, ok := strings.CutPrefix(line, "list "); ok {
			entries, err := os.ReadDir(filepath.Join(s.dir, dir))
			read[dir] = fmt.Sprint(entries, err)
		} else if name, ok := strings.CutPrefix(line, "env "); ok {
			read[line] = ipc.EnvValue(s.env, name)
		}
	}
}

// compare says in which files of the build folder the project and the copy differ.
func (s *scratch) compare(w *world) (wrong []string) {
	ours, theirs := filesBeneath(w.abs("p/build")), filesBeneath(filepath.Join(s.dir, "build"))
	for file, text := range theirs {
		if is, there := ours[file]; !there {
			wrong = append(wrong, "WRONG: build/"+file+" is missing")
		} else if !bytes.Equal(is, text) {
			wrong = append(wrong, fmt.Sprintf("WRONG: build/%s is not what the commands make (%d and %d bytes)", file, len(is), len(text)))
		}
	}
	for file := range ours {
		if _, there := theirs[file]; !there && file != "compile_commands.json" {
			wrong = append(wrong, "build/"+file+" is left, but nothing makes it")
		}
	}
	slices.Sort(wrong)
	return wrong
}

func filesBeneath(dir string) map[string][]byte {
	files := map[string][]byte{}
	_ = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(dir, file)
		files[rel], err = os.ReadFile(file)
		return err
	})
	return files
}

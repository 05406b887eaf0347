package orchestrator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// outputLog remembers which files builds made in the project's folder. A file whose
// action left the plan is removed, so that later builds do not find it. The log lies
// beside the build lock, and only the holder of the lock uses it: builds by daemons and
// builds in one process write to the same log.
type outputLog struct {
	file jsonlFile
	dir  string // the project's folder
	log  *slog.Logger

	noted  map[string]bool          // nodes that this build made
	inputs map[string]bool          // node and path of what the steps among them read
	beside map[string][]ipc.FileSig // by step: what it made last beside its outputs, if the log was read
}

// outputLine is one line of the log: the plan that the lines before it were compared
// with, or the files that a node made. Left: it failed or was cancelled, and these are what it
// wrote; what it made before and did not write is still there.
type outputLine struct {
	Plan  string        `json:"plan,omitempty"`
	ID    string        `json:"id,omitempty"`
	Left  bool          `json:"left,omitempty"`
	Files []ipc.FileSig `json:"files,omitempty"`
}

func newOutputLog(buildLock, dir string, root rootid.ID, log *slog.Logger) *outputLog {
	return &outputLog{
		file: jsonlFile{path: filepath.Join(filepath.Dir(buildLock), "outputs.jsonl"), root: root},
		dir:  dir, log: log, noted: map[string]bool{}, inputs: map[string]bool{},
	}
}

// note adds what the nodes of a track made. A file that cannot be noted is not removed
// later, so failing is logged only.
func (o *outputLog) note(t ipc.Track) {
	if o == nil {
		return
	}
	var lines []outputLine
	for _, n := range t.Nodes {
		line := outputLine{ID: n.ID}
		for _, i := range n.Outputs {
			line.Files = append(line.Files, t.Files[i])
		}
		if len(line.Files) > 0 {
			lines = append(lines, line)
			o.noted[n.ID] = true
			o.noteRead(t, n)
		}
	}
	o.append(lines)
}

// noteRead keeps what a step read: it may have left a file as it is that it made before.
func (o *outputLog) noteRead(t ipc.Track, n ipc.NodeRecord) {
	if !strings.HasPrefix(n.ID, "step:") {
		return
	}
	for _, i := range n.Inputs {
		o.inputs[nodeFile(n.ID, t.Files[i].Path)] = true
	}
}

func (o *outputLog) append(lines []outputLine) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			o.log.Warn("note what was made", "node", line.ID, "error", err)
		}
	}
	if text.Len() == 0 {
		return
	}
	if err := o.file.append(text.Bytes()); err != nil {
		o.log.Warn("note what was made", "file", o.file.path, "error", err)
	}
}

// tidy removes the files that no action of a new plan makes any more, as far as they are as
// the build left them. It returns how many they were, and which of their nodes left the plan.
func (o *outputLog) tidy(p *ipc.Plan) (removed int, gone []string) {
	if o == nil {
		return 0, nil
	}
	made := o.read(p.BuildDir)
	declared := declaredBy(p)
	o.beside = made.besideSteps(declared)
	if made.plan == p.ID && !made.copied {
		return 0, nil
	}
	return o.removeUnmade(made, p, func(id, path string) bool { return declared[made.main[id]] && made.current(id, path) })
}

// removeUnmade removes the files that the plan does not name, except those that
// beside reports to lie beside an output of their node. It rewrites the log.
func (o *outputLog) removeUnmade(made *madeFiles, p *ipc.Plan, beside func(id, path string) bool) (removed int, gone []string) {
	declared, nodes := declaredBy(p), planNodes(p)
	kept := []outputLine{{Plan: p.ID}}
	for _, id := range made.ids {
		line := outputLine{ID: id}
		for _, f := range made.files[id] {
			if declared[f.Path] || nodes[id] && beside(id, f.Path) || !o.remove(f, p.BuildDir) {
				line.Files = append(line.Files, f)
			}
		}
		removed += len(made.files[id]) - len(line.Files)
		if !nodes[id] && len(line.Files) < len(made.files[id]) {
			gone = append(gone, id)
		}
		if len(line.Files) > 0 {
			kept = append(kept, line)
		}
	}
	if err := o.rewrite(kept); err != nil {
		o.log.Warn("note what was made", "file", o.file.path, "error", err)
	}
	return removed, gone
}

// declaredBy are the outputs that a plan names. Other files that a compile or link makes
// beside its output (.dwo, .gcno) stay as long as the output does.
func declaredBy(p *ipc.Plan) map[string]bool {
	declared := make(map[string]bool, len(p.Actions))
	for i := range p.Actions {
		for _, out := range p.Actions[i].Outputs {
			declared[out] = true
		}
	}
	return declared
}

// remove removes a file that is as the build left it, and the folders beneath the build
// folder that are empty then. It returns false if the file is still there and ours.
func (o *outputLog) remove(f ipc.FileSig, buildDir string) bool {
	file := filepath.Join(o.dir, filepath.FromSlash(f.Path))
	info, err := os.Lstat(file)
	if !filepath.IsLocal(filepath.FromSlash(f.Path)) || err != nil || !info.Mode().IsRegular() || !sameContent(ipc.SignatureOf(info), f.Sig) {
		return true
	}
	if err := os.Remove(file); err != nil {
		o.log.Warn("remove what is made no more", "file", file, "error", err)
		return false
	}
	for dir := path.Dir(f.Path); strings.HasPrefix(dir, buildDir+"/"); dir = path.Dir(dir) {
		if os.Remove(filepath.Join(o.dir, filepath.FromSlash(dir))) != nil {
			break
		}
	}
	return true
}

// sameContent leaves out what a change of mode or another hard link changes.
func sameContent(a, b ipc.Signature) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtime == b.Mtime
}

// madeFiles is the content of the log. Each path belongs to the node that made it last.
type madeFiles struct {
	plan  string
	ids   []string                 // in the order of their first lines
	files map[string][]ipc.FileSig // by node
	main  map[string]string        // of compiles and links: the first output that was made last
	last  map[string]bool          // node and path of each node's last line, and of what failures left since

	copied bool // the lines are those of the folder that this one is a copy of
}

// current reports whether the node made the file when it was made last.
func (m *madeFiles) current(id, path string) bool { return m.last[nodeFile(id, path)] }

// has reports whether the node made the file, and no other one did since.
func (m *madeFiles) has(id, path string) bool {
	return slices.ContainsFunc(m.files[id], func(f ipc.FileSig) bool { return f.Path == path })
}

func nodeFile(id, path string) string { return id + "\x00" + path }

// read reads the log. A project that was copied or moved has only lines of its first
// folder; they are valid for the files beneath buildDir that came along.
func (o *outputLog) read(buildDir string) *madeFiles {
	lines, copied := o.lines()
	if copied {
		for i := range lines {
			lines[i].Files = o.broughtAlong(lines[i].Files, buildDir)
		}
	}
	m := madeBy(lines)
	m.copied = copied
	return m
}

// lines are the lines of this folder; without any, those of another one.
func (o *outputLog) lines() (ours []outputLine, copied bool) {
	var others []outputLine
	err := o.file.readAll(func(text []byte, isOurs bool) {
		var line outputLine
		switch {
		case json.Unmarshal(text, &line) != nil:
		case isOurs:
			ours = append(ours, line)
		default:
			others = append(others, line)
		}
	})
	if err != nil {
		o.log.Warn("read what was made", "file", o.file.path, "error", err)
	}
	if len(ours) == 0 && len(others) > 0 {
		return others, true
	}
	return ours, false
}

// broughtAlong are the files that lie beneath buildDir with the size and the time that they
// had in another folder. `cp -a` and `mv` keep both; device and inode are those of here.
func (o *outputLog) broughtAlong(files []ipc.FileSig, buildDir string) (here []ipc.FileSig) {
	for _, f := range files {
		rel := filepath.FromSlash(f.Path)
		if !filepath.IsLocal(rel) || !strings.HasPrefix(f.Path, buildDir+"/") {
			continue
		}
		info, err := os.Lstat(filepath.Join(o.dir, rel))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if sig := ipc.SignatureOf(info); sig.Size == f.Sig.Size && sig.Mtime == f.Sig.Mtime {
			here = append(here, ipc.FileSig{Path: f.Path, Sig: sig})
		}
	}
	return here
}

// madeBy sorts the lines of a log by node.
func madeBy(log []outputLine) *madeFiles {
	m := &madeFiles{files: map[string][]ipc.FileSig{}, main: map[string]string{}, last: map[string]bool{}}
	byPath := map[string]outputFile{}
	last := map[string][]ipc.FileSig{}
	n := 0
	for _, line := range log {
		if line.Plan != "" {
			m.plan = line.Plan
		}
		if len(line.Files) == 0 {
			continue
		}
		if last[line.ID] == nil {
			m.ids = append(m.ids, line.ID)
		}
		if line.Left {
			last[line.ID] = append(last[line.ID], line.Files...)
		} else {
			last[line.ID] = line.Files
			m.setMain(line)
		}
		for _, f := range line.Files {
			n++
			byPath[f.Path] = outputFile{f, line.ID, n}
		}
	}
	for id, files := range last {
		for _, f := range files {
			m.last[nodeFile(id, f.Path)] = true
		}
	}
	for _, f := range slices.SortedFunc(maps.Values(byPath), func(a, b outputFile) int { return cmp.Compare(a.at, b.at) }) {
		m.files[f.id] = append(m.files[f.id], f.FileSig)
	}
	return m
}

// setMain notes the main output of a compile or link. What a step makes is declared.
func (m *madeFiles) setMain(line outputLine) {
	if !strings.HasPrefix(line.ID, "step:") {
		m.main[line.ID] = line.Files[0].Path
	}
}

// outputFile is a file, the node that made it last, and its place in the log.
type outputFile struct {
	ipc.FileSig
	id string
	at int
}

func (o *outputLog) rewrite(lines []outputLine) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return o.file.replace(text.Bytes())
}

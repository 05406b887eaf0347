package orchestrator

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// superseded is how many lines the log may have for each action of the plan before it is
// written again, with one line a node. A process beside the daemons adds a line for every node
// in each build.
const superseded = 4

// noteLeft adds what failed and cancelled commands wrote. Where something was before, it is noted
// only if that was the node's own by the log: a command may also write over a file of the user's.
func (o *outputLog) noteLeft(left map[string][]ipc.LeftFile, p *ipc.Plan) {
	if o == nil || len(left) == 0 {
		return
	}
	made := o.read(p.BuildDir)
	var lines []outputLine
	for _, id := range slices.Sorted(maps.Keys(left)) {
		line := outputLine{ID: id, Left: true}
		for _, f := range left[id] {
			if path := f.File.Path; !f.Before || made.has(id, path) || line.has(path) {
				line.Files = append(line.Files, f.File)
			}
		}
		if len(line.Files) > 0 {
			lines = append(lines, line)
		}
	}
	o.append(lines)
}

// besideSteps are the files that steps made last and that no action declares.
func (m *madeFiles) besideSteps(declared map[string]bool) map[string][]ipc.FileSig {
	beside := map[string][]ipc.FileSig{}
	for id, files := range m.files {
		if !strings.HasPrefix(id, "step:") {
			continue
		}
		for _, f := range files {
			if !declared[f.Path] && m.current(id, f.Path) {
				beside[id] = append(beside[id], f)
			}
		}
	}
	return beside
}

// besideOf are the files that a step made last beside its outputs, if that is known.
func (o *outputLog) besideOf(id string) []ipc.FileSig {
	if o == nil {
		return nil
	}
	return o.beside[id]
}

// tidyBesides removes the files beside outputs that nodes of this build made before and did not
// make this time. Compilation removes those that it has records of. A process beside the daemons
// has none, and the daemons have none of what it made.
func (o *outputLog) tidyBesides(p *ipc.Plan) {
	if o == nil || len(o.noted) == 0 || !o.hasUnmade(p) {
		return
	}
	made := o.read(p.BuildDir)
	o.removeUnmade(made, p, func(id, path string) bool {
		return made.current(id, path) || o.inputs[nodeFile(id, path)] || !strings.HasPrefix(path, p.BuildDir+"/")
	})
}

// hasUnmade reports whether a node of this build made a file before that its last line does not
// have, or the log is too long. It decodes the lines of such nodes only that made files beside
// their outputs: of a build of 10,000 units most lines are only counted.
func (o *outputLog) hasUnmade(p *ipc.Plan) bool {
	outputs := make(map[string]int, len(o.noted))
	for i := range p.Actions {
		if a := &p.Actions[i]; o.noted[a.ID] {
			outputs[a.ID] = len(a.Outputs)
		}
	}
	lines := 0
	before := map[string][]ipc.FileSig{} // what nodes made that made more than their outputs
	unmade := false
	err := o.file.read(func(text []byte) {
		lines++
		id := idOfLine(text)
		declared, ours := outputs[id]
		if !ours || before[id] == nil && bytes.Count(text, []byte(`"path":`)) <= declared {
			return
		}
		var line outputLine
		if json.Unmarshal(text, &line) != nil {
			return
		}
		if line.Left {
			before[id] = append(before[id], line.Files...)
			return
		}
		unmade = unmade || slices.ContainsFunc(before[id], func(f ipc.FileSig) bool { return !line.has(f.Path) })
		before[id] = line.Files
	})
	if err != nil {
		o.log.Warn("read what was made", "file", o.file.path, "error", err)
	}
	return unmade || lines > superseded*(len(p.Actions)+len(outputs))+100
}

func (l *outputLine) has(path string) bool {
	return slices.ContainsFunc(l.Files, func(f ipc.FileSig) bool { return f.Path == path })
}

// idOfLine reads the node of a line, "" if it has none, without decoding the rest.
func idOfLine(text []byte) string {
	rest, ok := bytes.CutPrefix(text, []byte(`{"id":"`))
	id, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed {
		return ""
	}
	if !bytes.ContainsRune(id, '\\') {
		return string(id)
	}
	var line outputLine // the name has characters that JSON escapes
	if json.Unmarshal(text, &line) != nil {
		return ""
	}
	return line.ID
}

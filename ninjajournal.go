package replibuild

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// ninjaJournal has, a line for each edge, the variables that the edges of the running build asked
// for. The file of all edges is written at the build's end, and discovery knows an edge as soon as
// it has run: of a build that is killed the journal is left, and the next one reads it.
type ninjaJournal struct {
	path string
	file *os.File       // nil until the first edge
	last []ipc.Variable // of the line before
}

// ninjaJournalLine is one edge. Without variables it asked for those of the line before.
type ninjaJournalLine struct {
	Node      string          `json:"node"`
	Variables *[]ipc.Variable `json:"variables,omitempty"`
}

// ninjaJournalFile is in the set's state folder.
const ninjaJournalFile = "ninja-variables.log"

// hasNinjaRecords reports whether any edge of a build folder was recorded.
func (p *Project) hasNinjaRecords() bool {
	return slices.ContainsFunc([]string{ninjaVariablesFile, ninjaJournalFile}, func(name string) bool {
		_, err := os.Stat(filepath.Join(p.paths.StateDir(), name))
		return err == nil
	})
}

// note adds an edge. One that cannot be noted is judged by ninja's rule if the build is killed.
func (j *ninjaJournal) note(node string, asked []ipc.Variable) {
	line, start := ninjaJournalLine{Node: node}, ""
	if j.file == nil {
		file, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return
		}
		j.file, start = file, "\n" // the last line of a killed build may have no end
	}
	if start != "" || !slices.Equal(j.last, asked) {
		line.Variables, j.last = &asked, asked
	}
	if text, err := json.Marshal(line); err == nil {
		_, _ = j.file.WriteString(start + string(text) + "\n")
	}
}

// restore puts what a killed build left. A line that was not written whole says nothing.
func (j *ninjaJournal) restore(nodes *environment.Nodes) {
	text, err := os.ReadFile(j.path)
	if err != nil {
		return
	}
	var asked *[]ipc.Variable
	for text := range bytes.Lines(text) {
		var line ninjaJournalLine
		if json.Unmarshal(text, &line) != nil || line.Node == "" {
			asked = nil
			continue
		}
		if line.Variables != nil {
			asked = line.Variables
		}
		if asked != nil {
			nodes.Put(line.Node, *asked)
		}
	}
}

// end removes the journal: the file of all edges has what it says.
func (j *ninjaJournal) end() {
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
		_ = os.Remove(j.path)
	}
}

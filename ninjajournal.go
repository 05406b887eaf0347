package replibuild

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// ninjaJournal has, a line for each edge, the variables that the edges of the running build asked
// for. The file of all edges is written at the build's end, and discovery knows an edge as soon as
// it has run: of a build that is killed the journal is left, and the next one reads it. Builds that
// run at once append to one journal, so no line depends on the one before.
type ninjaJournal struct {
	path    string
	file    *os.File        // nil until the first edge
	written map[string]bool // sets whose variables are in the file
	last    []ipc.Variable  // of the edge before, and their set
	lastSet string
}

// ninjaJournalLine is one edge. The first line of a set has its variables.
type ninjaJournalLine struct {
	Node      string          `json:"node"`
	Set       string          `json:"set"` // named by its content
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
	if j.lastSet == "" || !slices.Equal(j.last, asked) {
		text, err := json.Marshal(asked)
		if err != nil {
			return
		}
		sum := sha256.Sum256(text)
		j.last, j.lastSet = asked, hex.EncodeToString(sum[:8])
	}
	for range 2 { // another build that ends removes the file
		start := ""
		if j.file == nil {
			file, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
			if err != nil {
				return
			}
			j.file, j.written, start = file, make(map[string]bool), "\n" // the last line of a killed build may have no end
		}
		line := ninjaJournalLine{Node: node, Set: j.lastSet}
		if !j.written[line.Set] {
			line.Variables = &asked
		}
		text, err := json.Marshal(line)
		if err == nil {
			_, err = j.file.WriteString(start + string(text) + "\n")
		}
		if err == nil && j.isThere() {
			j.written[line.Set] = true
			return
		}
		_ = j.file.Close()
		j.file = nil
	}
}

// isThere reports whether the open file still has its name.
func (j *ninjaJournal) isThere() bool {
	open, err := j.file.Stat()
	named, err2 := os.Stat(j.path)
	return err == nil && err2 == nil && os.SameFile(open, named)
}

// restore puts what a killed build left. A line that was not written whole says nothing, and one
// whose set is not known.
func (j *ninjaJournal) restore(put func(node string, asked []ipc.Variable)) {
	text, err := os.ReadFile(j.path)
	if err != nil {
		return
	}
	sets := make(map[string][]ipc.Variable)
	for text := range bytes.Lines(text) {
		var line ninjaJournalLine
		if json.Unmarshal(text, &line) != nil || line.Node == "" {
			continue
		}
		if line.Variables != nil {
			sets[line.Set] = *line.Variables
		}
		if asked, known := sets[line.Set]; known {
			put(line.Node, asked)
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

package buildsystem

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
)

// record is what a build folder remembers of its last configuring.
type record struct {
	Key     string `json:"key"`
	Outcome string `json:"outcome"`
}

const (
	outcomeBegun  = "begun" // still running, or killed
	outcomeFailed = "failed"
	outcomeDone   = "done"
)

// keyOf identifies what a folder is configured by. It includes the folders: CMake and Meson
// write their paths into all that they make.
func keyOf(b *setup.BuildSystem) string {
	text, _ := json.Marshal([]any{b.System, b.SourceDir, b.BuildDir, b.Options, b.Environment})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func stateFile(b *setup.BuildSystem, name string) string {
	return filepath.Join(b.BuildDir, ".replibuild", "state", name)
}

// readRecord returns the record of a folder; ok is false if it has none that can be read.
func readRecord(b *setup.BuildSystem) (r record, ok bool) {
	text, err := os.ReadFile(stateFile(b, "configure.json"))
	return r, err == nil && json.Unmarshal(text, &r) == nil
}

func (r record) write(b *setup.BuildSystem) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return atomicfile.Write(stateFile(b, "configure.json"), append(text, '\n'))
}

package orchestrator

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// AppendHistory adds a build that another front end has made to the history of a set, which
// may be in use: a service reads the file again before it answers. stateDir is the set's
// state folder, and root its project's. The history is not read for this unless it has grown
// beyond its bounds.
func AppendHistory(stateDir, root string, r ipc.BuildRecord) error {
	if err := rootid.MakeFolder(stateDir); err != nil {
		return err
	}
	file := jsonlFile{path: filepath.Join(stateDir, "history.jsonl"), root: rootid.Of(root)}
	if fileSize(file.path) > maxHistoryBytes {
		h := openHistory(stateDir, file.root, slog.New(slog.DiscardHandler))
		h.add(r)
		return h.flush()
	}
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(r); err != nil {
		return err
	}
	return file.append(line.Bytes())
}

package orchestrator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// Bounds of the history: about half a year of work, in some 10 MB of memory. Beyond the
// limit the oldest builds lose their unit records; their counts stay.
const (
	maxBuilds      = 500
	maxUnitRecords = 20_000
	// maxHistoryBytes is when the file is rewritten within the other two bounds, which
	// leave some 8 MB.
	maxHistoryBytes = 32 << 20
)

// history is the builds that were made, oldest first, and what each unit cost last. The
// file has one JSON line for each build. Lines are appended; the file is rewritten when
// it is twice as long as it may be. A line that cannot be read is skipped.
type history struct {
	file jsonlFile
	log  *slog.Logger

	mu      sync.Mutex
	records []ipc.BuildRecord
	units   int   // unit records in records
	written int   // lines in the file
	bytes   int   // size of the file
	seen    int64 // size of the file after it was last read or written here
	pending int   // records at the end that are not in the file
	costs   *costs
}

func openHistory(dir string, root rootid.ID, log *slog.Logger) *history {
	h := &history{log: log, costs: openCosts(dir, root, log)}
	if dir == "" {
		return h
	}
	h.file = jsonlFile{path: filepath.Join(dir, "history.jsonl"), root: root}
	h.readAll()
	return h
}

func (h *history) readAll() {
	if err := h.read(); err != nil {
		h.log.Warn("read history", "file", h.file.path, "error", err)
	}
	h.seen = fileSize(h.file.path)
}

// reload reads the file again if another process has written to it: a command that
// could not reach the orchestrator builds by itself. It reports whether it did.
func (h *history) reload() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file.path == "" || fileSize(h.file.path) == h.seen {
		return false
	}
	unwritten := slices.Clone(h.records[len(h.records)-h.pending:])
	h.records, h.units, h.written, h.bytes, h.pending, h.file.ours = nil, 0, 0, 0, 0, false
	h.readAll()
	for _, r := range unwritten {
		h.append(r)
		h.pending++
	}
	h.trim()
	return true
}

// fileSize is the size of a file, 0 if there is none.
func fileSize(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

func (h *history) read() error {
	return h.file.read(func(line []byte) {
		h.written++
		h.bytes += len(line) + 1
		var r ipc.BuildRecord
		if json.Unmarshal(line, &r) == nil && r.Build != "" {
			h.append(r)
		}
	})
}

// add remembers a build.
func (h *history) add(r ipc.BuildRecord) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.append(r)
	h.pending++
	h.trim()
}

// append adds a record within the bounds; mu is held. Builds with nothing to do
// follow each other quickly when an editor or a script asks again and again, so of
// several in a row the last one stays.
func (h *history) append(r ipc.BuildRecord) {
	if n := len(r.Units); n > maxUnitRecords {
		r.Units = slices.Clone(r.Units[:maxUnitRecords])
	}
	if n := len(h.records); n > 0 && didNothing(r) && didNothing(h.records[n-1]) {
		h.records[n-1] = r
		h.pending = max(0, h.pending-1)
		return
	}
	h.records = append(h.records, r)
	h.units += len(r.Units)
	h.trim()
}

// didNothing reports whether nothing was made and nothing went wrong.
func didNothing(r ipc.BuildRecord) bool {
	return r.Success && len(r.Units) == 0 && r.Compiled == 0 && r.Hits == 0
}

// trim keeps the bounds; mu is held.
func (h *history) trim() {
	if over := len(h.records) - maxBuilds; over > 0 {
		for _, r := range h.records[:over] {
			h.units -= len(r.Units)
		}
		h.records = slices.Delete(h.records, 0, over)
	}
	for i := 0; h.units > maxUnitRecords && i < len(h.records)-1; i++ {
		h.units -= len(h.records[i].Units)
		h.records[i].Units = nil
	}
	h.pending = min(h.pending, len(h.records))
}

// flush writes the lines that are still in memory.
func (h *history) flush() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file.path == "" || h.pending == 0 {
		return nil
	}
	if err := h.write(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	h.pending, h.seen = 0, fileSize(h.file.path)
	return h.costs.save()
}

func (h *history) write() error {
	rewrite := h.written+h.pending > 2*maxBuilds || h.bytes > maxHistoryBytes
	from := len(h.records) - h.pending
	if rewrite {
		from = 0
	}
	var text bytes.Buffer
	for _, r := range h.records[from:] {
		if err := json.NewEncoder(&text).Encode(r); err != nil {
			return err
		}
	}
	if rewrite {
		h.written, h.bytes = len(h.records), text.Len()
		return h.file.replace(text.Bytes())
	}
	h.written += h.pending
	h.bytes += text.Len()
	return h.file.append(text.Bytes())
}

// find returns the ID of the build that id names: its whole ID, or the end of it where no
// other build has the same end.
func (h *history) find(id string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ends []string
	for _, r := range h.records {
		if r.Build == id {
			return id, nil
		}
		if strings.HasSuffix(r.Build, id) {
			ends = append(ends, r.Build)
		}
	}
	switch len(ends) {
	case 0:
		return "", ipc.Errorf(ipc.CodeNotFound, "no build %s in the history", id).
			WithHint("`replibuild history` lists the builds")
	case 1:
		return ends[0], nil
	}
	return "", ipc.Errorf(ipc.CodeNotFound, "%d builds have an ID that ends in %s", len(ends), id).
		WithHint("type more of it: %s", list(ends, 3))
}

// builds answers a HistoryRequest, newest first.
func (h *history) builds(req ipc.HistoryRequest) []ipc.BuildRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := req.Limit
	if limit <= 0 {
		limit = 20
	}
	found := []ipc.BuildRecord{}
	for _, r := range slices.Backward(h.records) {
		if len(found) == limit {
			break
		}
		if req.Build != "" && req.Build != r.Build {
			continue
		}
		if req.Build == "" && !req.Units {
			r.Units = nil
		}
		found = append(found, r)
	}
	return found
}

// facts returns the times that a node which fits was made, newest first, at most
// limit.
func (h *history) facts(fits func(ipc.UnitRecord) bool, limit int) []ipc.ExplainFact {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := []ipc.ExplainFact{}
	for _, r := range slices.Backward(h.records) {
		for _, u := range r.Units {
			if len(found) < limit && fits(u) {
				found = append(found, ipc.ExplainFact{Build: r.Build, Time: r.Started, UnitRecord: u})
			}
		}
	}
	return found
}

// unitCosts returns what the units of a plan cost when a process last made them, by ID. What
// another front end has built is only in the records of builds, under its names.
func (h *history) unitCosts(p *ipc.Plan) map[string]unitCost {
	known, byName := h.costs.snapshot(), map[string]unitCost{}
	if len(p.Targets) == 0 {
		byName = h.recordedCosts()
	}
	found := map[string]unitCost{}
	for u := range p.Units() {
		cost, is := known[u.ID]
		if !is {
			cost, is = byName[unitName(u)]
		}
		if is {
			found[u.ID] = cost
		}
	}
	return found
}

// recordedCosts are what all nodes cost by the records of builds. One from a cache costs what
// that saved.
func (h *history) recordedCosts() map[string]unitCost {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := map[string]unitCost{}
	for _, r := range h.records {
		for _, u := range r.Units {
			switch {
			case u.Status == ipc.StatusCompiled:
				found[u.ID] = unitCost{Seconds: u.Seconds, Peak: u.Peak}
			case u.Status == ipc.StatusCached && u.Saved > 0:
				found[u.ID] = unitCost{Seconds: u.Saved, Peak: max(u.Peak, found[u.ID].Peak)}
			}
		}
	}
	return found
}

// last returns what became of every node when it was last made, sorted by ID. Of a
// node whose builds are forgotten only the cost is left.
func (h *history) last() []ipc.ExplainFact {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := map[string]ipc.ExplainFact{}
	for id, cost := range h.costs.snapshot() {
		found[id] = ipc.ExplainFact{UnitRecord: ipc.UnitRecord{ID: id, Status: ipc.StatusCompiled, Seconds: cost.Seconds, Peak: cost.Peak}}
	}
	for _, r := range h.records {
		for _, u := range r.Units {
			if u.Status != ipc.StatusSkipped {
				found[u.ID] = ipc.ExplainFact{Build: r.Build, Time: r.Started, UnitRecord: u}
			}
		}
	}
	all := slices.Collect(maps.Values(found))
	slices.SortFunc(all, func(a, b ipc.ExplainFact) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// nodes are the IDs of all nodes that were made in a build that is remembered, also by
// another process.
func (h *history) nodes() map[string]bool {
	h.reload()
	h.mu.Lock()
	defer h.mu.Unlock()
	made := map[string]bool{}
	for _, r := range h.records {
		for _, u := range r.Units {
			if u.Status != ipc.StatusSkipped {
				made[u.ID] = true
			}
		}
	}
	return made
}

// target reports the target part of a link's ID.
func linkedTarget(id string) (string, bool) { return strings.CutPrefix(id, "link:") }

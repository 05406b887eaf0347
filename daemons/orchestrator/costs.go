package orchestrator

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// unitCost is what a unit or link cost when a process last made it.
type unitCost struct {
	Seconds float64 `json:"seconds"`
	Peak    int64   `json:"peak_bytes,omitempty"`
	// Recent are the CPU seconds of the last runs, oldest first. CPU time depends less on
	// other load than wall time.
	Recent []float64 `json:"recent,omitempty"`
}

// maxRecent is how many times are kept. The median of five follows a lasting change after
// three builds, and ignores one slow build.
const maxRecent = 5

// expected is what the node is expected to take: the median of the last times.
func (c unitCost) expected() float64 {
	if len(c.Recent) == 0 {
		return c.Seconds
	}
	return medianOf(c.Recent)
}

// medianOf is the median of values that need no order; there is at least one.
func medianOf(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// costLine is one line of the file.
type costLine struct {
	ID string `json:"id"`
	unitCost
}

// minCostLines is how many lines the file may have however few nodes there are.
const minCostLines = 1000

// costs remembers every node's cost for scheduling, for longer than the history remembers
// builds. It also says which units have been seen before. The file gets a line each time
// a node is made; the last line of a node counts. It is rewritten when half of its lines
// are out of date. So a build of one unit in ten thousand writes one line.
type costs struct {
	file jsonlFile

	mu      sync.Mutex
	nodes   map[string]unitCost
	news    map[string]bool // nodes that are not in the file as they are here
	written int             // lines in the file
}

func openCosts(dir string, root rootid.ID, log *slog.Logger) *costs {
	c := &costs{nodes: map[string]unitCost{}, news: map[string]bool{}}
	if dir == "" {
		return c
	}
	c.file = jsonlFile{path: filepath.Join(dir, "costs.jsonl"), root: root}
	err := c.file.read(func(line []byte) {
		c.written++
		var l costLine
		if json.Unmarshal(line, &l) == nil && l.ID != "" && l.Seconds >= 0 {
			c.nodes[l.ID] = l.unitCost
		}
	})
	if err != nil {
		log.Warn("read what units cost", "file", c.file.path, "error", err)
	}
	return c
}

// add notes a finished node. A node from the cache costs what its hit saved.
func (c *costs) add(r ipc.ActionResult) {
	cost := unitCost{Seconds: r.Seconds, Peak: r.Peak}
	switch {
	case r.Status == ipc.StatusCompiled:
		took := r.Seconds
		if r.CPU > 0 {
			took = min(took, r.CPU)
		}
		cost.Recent = []float64{took}
	case r.Status == ipc.StatusCached && r.Saved > 0:
		cost.Seconds = r.Saved
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.nodes[r.ID]
	if cost.Peak == 0 {
		cost.Peak = before.Peak
	}
	cost.Recent = slices.Concat(before.Recent, cost.Recent)
	cost.Recent = cost.Recent[max(0, len(cost.Recent)-maxRecent):]
	c.nodes[r.ID], c.news[r.ID] = cost, true
}

// snapshot returns a copy for one build.
func (c *costs) snapshot() map[string]unitCost {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.nodes)
}

// keep drops nodes that left the plan. The file loses it when it is
// rewritten; until then another branch may bring it back.
func (c *costs) keep(nodes map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.nodes, func(id string, _ unitCost) bool { return !nodes[id] })
	maps.DeleteFunc(c.news, func(id string, _ bool) bool { return !nodes[id] })
}

func (c *costs) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file.path == "" || len(c.news) == 0 {
		return nil
	}
	rewrite := c.written+len(c.news) > max(2*len(c.nodes), minCostLines)
	var text bytes.Buffer
	lines := 0
	for id, cost := range c.nodes {
		if !rewrite && !c.news[id] {
			continue
		}
		if err := json.NewEncoder(&text).Encode(costLine{ID: id, unitCost: cost}); err != nil {
			return err
		}
		lines++
	}
	write := c.file.append
	if rewrite {
		write, c.written = c.file.replace, 0
	}
	c.written += lines
	clear(c.news)
	return write(text.Bytes())
}

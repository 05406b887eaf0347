package replibuild

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// ninjaRecords is what the set of a build folder keeps of the edges that its compilation
// service ran: discovery has their inputs, misses, listings and outputs, and a file of the set
// the variables that they asked for. An edge without a record is judged by ninja's rule alone.
type ninjaRecords struct {
	root      string
	file      string
	discovery ipc.Discovery

	mu      sync.Mutex
	asked   environment.Nodes
	changed bool
}

// edgePrefix begins the IDs of actions; the edge's first output follows.
const edgePrefix = "edge:"

// ninjaVariablesFile is in the set's state folder.
const ninjaVariablesFile = "ninja-variables.json"

func newNinjaRecords(p *Project, discovery ipc.Discovery) *ninjaRecords {
	r := &ninjaRecords{root: p.Root(), file: filepath.Join(p.paths.StateDir(), ninjaVariablesFile), discovery: discovery}
	var saved []environment.SavedSet
	if data, err := os.ReadFile(r.file); err == nil && json.Unmarshal(data, &saved) == nil {
		r.asked = environment.RestoreNodes(saved)
	}
	return r
}

// add records an edge that has run. Its outputs may have got new times since it ended. ninja
// removes a depfile of deps = gcc, so that is no output. What cannot be recorded is judged by
// ninja's rule.
func (r *ninjaRecords) add(ctx context.Context, c ninjabuild.Command, t ipc.Track) {
	if r == nil {
		return
	}
	r.mu.Lock()
	for i, n := range t.Nodes {
		var asked []ipc.Variable
		for _, v := range n.Variables {
			if int(v) < len(t.Variables) {
				asked = append(asked, t.Variables[v])
			}
		}
		r.asked.Put(n.ID, asked)
		r.changed = true
		t.Nodes[i].Variables = nil
		t.Nodes[i].Outputs = slices.DeleteFunc(n.Outputs, func(out uint32) bool {
			return int(out) < len(t.Files) && c.Deps == "gcc" && t.Files[out].Path == c.Depfile
		})
		for _, out := range t.Nodes[i].Outputs {
			if int(out) < len(t.Files) {
				t.Files[out].Sig = ipc.StatSignature(r.abs(t.Files[out].Path))
			}
		}
	}
	r.mu.Unlock()
	t.Variables = nil
	_, _ = r.discovery.Record(ctx, ipc.RecordRequest{Track: t})
}

func (r *ninjaRecords) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.root, path)
}

// save writes the variables.
func (r *ninjaRecords) save() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.changed {
		return nil
	}
	r.changed = false
	data, err := json.Marshal(r.asked.SaveAll())
	if err != nil {
		return err
	}
	return atomicfile.Write(r.file, data)
}

// doubts asks discovery what has changed. The function that it returns says what speaks
// against an output, a reason without a text if nothing does; it forgets the records of
// outputs that are not made any more. It is nil if discovery does not answer.
func (r *ninjaRecords) doubts(ctx context.Context, env []string) doubtsAnswer {
	reply, err := r.discovery.Sync(ctx, ipc.SyncRequest{})
	if err != nil {
		return nil
	}
	changes := r.asked.Changed(environment.New(env))
	dirty := make(map[string]ipc.Reason, len(reply.Dirty))
	for _, n := range reply.Dirty {
		output := strings.TrimPrefix(n.ID, edgePrefix)
		dirty[output] = doubtOf(output, n.Causes)
	}
	return func(made func(output string) bool) func(output string) ipc.Reason {
		r.forget(ctx, dirty, made)
		return func(output string) ipc.Reason {
			why, isDirty := dirty[output]
			if isDirty {
				return why
			}
			if change, changed := changes[r.asked.SetOf(edgePrefix+output)]; changed {
				return words.Environment(change)
			}
			return ipc.Reason{}
		}
	}
}

// doubtsAnswer is the function Answer of [ninjabuild.Doubts].
type doubtsAnswer func(made func(output string) bool) func(output string) ipc.Reason

// forget drops the records of dirty outputs that no edge makes any more.
func (r *ninjaRecords) forget(ctx context.Context, dirty map[string]ipc.Reason, made func(output string) bool) {
	var gone []string
	for output := range dirty {
		if !made(output) {
			gone = append(gone, edgePrefix+output)
		}
	}
	if len(gone) > 0 {
		_, _ = r.discovery.Record(ctx, ipc.RecordRequest{Forget: gone})
	}
}

// doubtOf is what the causes of a dirty node say against its output. If the output is not as
// we left it, another program has made it since, and the record says nothing. A record that
// was in doubt when it was made says nothing either.
func doubtOf(output string, causes []ipc.Cause) ipc.Reason {
	if slices.ContainsFunc(causes, func(c ipc.Cause) bool { return c.Kind == ipc.CauseOutput && c.Path == output }) {
		return ipc.Reason{}
	}
	for _, c := range causes {
		if c.Kind != ipc.CauseUnsettled {
			return words.Cause(c)
		}
	}
	return ipc.Reason{}
}

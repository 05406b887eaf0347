package replibuild

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

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

	sending sync.WaitGroup
	turn    sync.Mutex // one message at a time

	mu      sync.Mutex
	asked   environment.Nodes
	news    map[string][]ipc.Variable // what the file has to get: of this build, and of one that was killed
	loaded  ipc.Signature             // of the file
	shared  bool                      // another build has written it since
	changed bool
	journal ninjaJournal
}

// edgePrefix begins the IDs of actions; the edge's first output follows.
const edgePrefix = "edge:"

// ninjaVariablesFile is in the set's state folder.
const ninjaVariablesFile = "ninja-variables.json"

func newNinjaRecords(p *Project, discovery ipc.Discovery) *ninjaRecords {
	r := &ninjaRecords{root: p.Root(), file: filepath.Join(p.paths.StateDir(), ninjaVariablesFile), discovery: discovery}
	r.news = make(map[string][]ipc.Variable)
	r.asked = r.load()
	r.journal.path = filepath.Join(p.paths.StateDir(), ninjaJournalFile)
	r.journal.restore(r.put)
	return r
}

// load reads the file.
func (r *ninjaRecords) load() environment.Nodes {
	var saved []environment.SavedSet
	r.loaded = ipc.StatSignature(r.file)
	if data, err := os.ReadFile(r.file); err != nil || json.Unmarshal(data, &saved) != nil {
		return environment.Nodes{}
	}
	return environment.RestoreNodes(saved)
}

// put notes which variables a node asked for.
func (r *ninjaRecords) put(node string, asked []ipc.Variable) {
	r.asked.Put(node, asked)
	r.news[node] = asked
}

// maxRecord is how long discovery may take to record an edge. That it takes longer has not
// been seen; the build would not end while it hangs.
const maxRecord = 10 * time.Second

// add records edges that have run, by the IDs of their actions. Their outputs may have got
// new times since they ended. ninja removes a depfile of deps = gcc, so that is no output. What
// cannot be recorded is judged by ninja's rule. Nothing waits for discovery but [ninjaRecords.wait].
func (r *ninjaRecords) add(ctx context.Context, edges map[string]ninjabuild.Command, t ipc.Track) {
	if r == nil || len(t.Nodes) == 0 {
		return
	}
	t.Nodes = slices.DeleteFunc(t.Nodes, func(n ipc.NodeRecord) bool {
		_, known := edges[n.ID]
		return !known
	})
	r.putVariables(t)
	for i, n := range t.Nodes {
		c := edges[n.ID]
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
	t.Variables = nil
	ctx = context.WithoutCancel(ctx) // the build may be over
	r.sending.Go(func() {
		r.turn.Lock()
		defer r.turn.Unlock()
		ctx, cancel := context.WithTimeout(ctx, maxRecord)
		defer cancel()
		_, _ = r.discovery.Record(ctx, ipc.RecordRequest{Track: t})
	})
}

// putVariables notes which variables the nodes of a track asked for.
func (r *ninjaRecords) putVariables(t ipc.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range t.Nodes {
		var asked []ipc.Variable
		for _, v := range n.Variables {
			if int(v) < len(t.Variables) {
				asked = append(asked, t.Variables[v])
			}
		}
		r.put(n.ID, asked)
		r.journal.note(n.ID, asked)
		r.changed = true
	}
}

// wait returns when discovery knows all that was added.
func (r *ninjaRecords) wait() {
	if r != nil {
		r.sending.Wait()
	}
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
	all := &r.asked
	r.shared = r.shared || ipc.StatSignature(r.file) != r.loaded
	if r.shared { // another build has ended meanwhile, and knows of other edges
		others := r.load()
		for node, asked := range r.news {
			others.Put(node, asked)
		}
		all = &others
	}
	data, err := json.Marshal(all.SaveAll())
	if err != nil {
		return err
	}
	if err := atomicfile.Write(r.file, data); err != nil {
		return err
	}
	r.loaded = ipc.StatSignature(r.file)
	r.journal.end()
	return nil
}

// ninjaDoubts is what discovery said when the build began. The zero value knows nothing.
type ninjaDoubts struct {
	records *ninjaRecords
	dirty   map[string]ipc.Reason // by output; a reason without a text says nothing
	changes map[int]environment.Change
	sets    map[string]string // by action: what discovery knows its inputs by
	close   func() error

	watched     bool // by a daemon
	dirtyDigest string
	env         []string // of the build
}

// doubts asks discovery what has changed.
func (r *ninjaRecords) doubts(ctx context.Context, env []string) ninjaDoubts {
	reply, err := r.discovery.Sync(ctx, ipc.SyncRequest{})
	if err != nil {
		return ninjaDoubts{}
	}
	d := ninjaDoubts{
		records: r, changes: r.asked.Changed(environment.New(env)),
		dirty: make(map[string]ipc.Reason, len(reply.Dirty)), sets: make(map[string]string, len(reply.Dirty)),
		dirtyDigest: dirtyDigest(reply.Dirty), env: env,
	}
	for _, n := range reply.Dirty {
		output, isEdge := strings.CutPrefix(n.ID, edgePrefix)
		if !isEdge {
			continue
		}
		d.dirty[output] = doubtOf(output, n.Causes)
		d.sets[n.ID] = n.Set
	}
	return d
}

// against is the function Answer of [ninjabuild.Doubts]. Records of outputs that are not made
// any more are dropped.
func (d ninjaDoubts) against(ctx context.Context, made func(output string) bool) func(output string) ipc.Reason {
	if d.records == nil {
		return nil
	}
	d.records.forget(ctx, d.dirty, made)
	return func(output string) ipc.Reason {
		why, isDirty := d.dirty[output]
		if isDirty {
			return why
		}
		if change, changed := d.changes[d.records.asked.SetOf(edgePrefix+output)]; changed {
			return words.Environment(change)
		}
		return ipc.Reason{}
	}
}

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

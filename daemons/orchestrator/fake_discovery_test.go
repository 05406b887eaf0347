package orchestrator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// node is a record of the fake discovery.
type node struct {
	inputs, outputs map[string]ipc.Signature
	unsettled       string
}

type fakeDiscovery struct {
	ipc.Discovery
	w     *world
	nodes map[string]node // of world.mu
	token int
	syncs int
	down  error // what every call answers
	hang  bool  // wait as long as a client does that hears nothing, then down

	records int
}

// clientPatience is how long an ipc client waits for a daemon that says nothing.
const clientPatience = 1200 * time.Millisecond

func (d *fakeDiscovery) answer() error {
	d.w.mu.Lock()
	hang, down := d.hang, d.down
	d.w.mu.Unlock()
	if hang {
		time.Sleep(clientPatience)
		return fmt.Errorf("no heartbeat: %w", ipc.ErrUnreachable)
	}
	return down
}

func (d *fakeDiscovery) Sync(context.Context, ipc.SyncRequest) (ipc.SyncReply, error) {
	if err := d.answer(); err != nil {
		return ipc.SyncReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.syncs++
	reply := ipc.SyncReply{Token: fmt.Sprintf("%p-%d", d, d.token), Nodes: len(d.nodes), Mode: "watch"}
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if causes := d.causes(d.nodes[id]); len(causes) > 0 {
			reply.Dirty = append(reply.Dirty, ipc.DirtyNode{ID: id, Causes: causes})
		}
	}
	return reply, nil
}

func (d *fakeDiscovery) Changes(_ context.Context, r ipc.ChangesRequest) (reply ipc.ChangesReply, err error) {
	if err := d.answer(); err != nil {
		return reply, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if causes := d.causes(d.nodes[id]); len(causes) > 0 {
			reply.Nodes = append(reply.Nodes, ipc.DirtyNode{ID: id, Causes: causes})
		}
	}
	reply.Count = len(reply.Nodes)
	return reply, nil
}

func (d *fakeDiscovery) causes(n node) (causes []ipc.Cause) {
	if n.unsettled != "" {
		causes = append(causes, ipc.Cause{Kind: ipc.CauseUnsettled})
	}
	for _, path := range slices.Sorted(maps.Keys(n.inputs)) {
		f, there := d.w.files[path]
		switch {
		case there && !n.inputs[path].Exists():
			causes = append(causes, ipc.Cause{Kind: ipc.CauseAppeared, Path: path})
		case !there && n.inputs[path].Exists():
			causes = append(causes, ipc.Cause{Kind: ipc.CauseRemoved, Path: path})
		case f.sig != n.inputs[path]:
			causes = append(causes, ipc.Cause{Kind: ipc.CauseChanged, Path: path})
		}
	}
	for path, sig := range n.outputs {
		if d.w.files[path].sig != sig {
			causes = append(causes, ipc.Cause{Kind: ipc.CauseOutput, Path: path})
		}
	}
	return causes
}

func (d *fakeDiscovery) Record(_ context.Context, r ipc.RecordRequest) (ipc.RecordReply, error) {
	if err := d.answer(); err != nil {
		return ipc.RecordReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.records++
	if r.Reset {
		clear(d.nodes)
	}
	for _, id := range r.Forget {
		delete(d.nodes, id)
	}
	for _, n := range r.Nodes {
		kept := node{inputs: map[string]ipc.Signature{}, outputs: map[string]ipc.Signature{}, unsettled: n.Unsettled}
		for _, i := range n.Inputs {
			kept.inputs[r.Files[i].Path] = r.Files[i].Sig
		}
		for _, i := range n.Outputs {
			kept.outputs[r.Files[i].Path] = r.Files[i].Sig
		}
		d.nodes[n.ID] = kept
	}
	d.token++
	return ipc.RecordReply{Token: fmt.Sprintf("%p-%d", d, d.token)}, nil
}

func (d *fakeDiscovery) Dependents(_ context.Context, r ipc.DependentsRequest) (ipc.DependentsReply, error) {
	if err := d.answer(); err != nil {
		return ipc.DependentsReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	var reply ipc.DependentsReply
	if n, ok := d.nodes[r.Path]; ok {
		reply.Inputs = slices.Sorted(maps.Keys(n.inputs))
	}
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if _, reads := d.nodes[id].inputs[r.Path]; reads {
			reply.Nodes = append(reply.Nodes, id)
		}
	}
	return reply, nil
}

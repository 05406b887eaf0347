package discovery

import (
	"context"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// Dependents implements [ipc.Discovery]. A file known by several spellings (through
// a symbolic link in its path) is found by each of them while events are followed.
func (s *Service) Dependents(ctx context.Context, req ipc.DependentsRequest) (ipc.DependentsReply, error) {
	if err := s.enter(ctx); err != nil {
		return ipc.DependentsReply{}, err
	}
	defer s.unlock()
	g := s.graph
	dir, base := split(g.spell(req.Path))
	var readers, missed []uint32
	for _, p := range s.dirsOf(dir) {
		for _, f := range p.filesAt(base) {
			for _, i := range f.expects {
				if g.expects[i].kind == reads {
					readers = append(readers, g.expects[i].nodes...)
				}
			}
		}
		if n, known := g.nameOf[base]; known && p.misses(n) {
			missed = append(missed, g.missers(p, n)...)
		}
	}
	return ipc.DependentsReply{Nodes: g.ids(readers), Missed: g.ids(missed), Inputs: g.inputs(req.Path)}, nil
}

// inputs lists the files that the node with an ID read, sorted.
func (g *graph) inputs(id string) (paths []string) {
	n, ok := g.nodeByID[id]
	if !ok {
		return nil
	}
	for _, i := range g.nodes[n].expects.unpack(nil) {
		if e := &g.expects[i]; e.kind == reads {
			paths = append(paths, g.files[e.subject].path())
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths) // a link may be recorded itself as well
}

// dirsOf returns the nodes that are the same folder as dir.
func (s *Service) dirsOf(dir string) []*dirNode {
	p := s.graph.dirByPath[dir]
	if s.watches != nil {
		var at *folder
		if p == nil {
			at = s.watches.folders[s.graph.absolute(dir)]
		} else if p.route != nil {
			at = p.route.end
		}
		if at != nil {
			return at.dirs
		}
	}
	if p == nil {
		return nil
	}
	return []*dirNode{p}
}

// missers are the nodes that missed a name in p.
func (g *graph) missers(p *dirNode, n uint32) (nodes []uint32) {
	var numbers []uint32
	for _, i := range p.missing {
		numbers = packed(g.expects[i].want).unpack(numbers[:0])
		if _, ok := slices.BinarySearch(numbers, n); ok {
			nodes = append(nodes, g.expects[i].nodes...)
		}
	}
	return nodes
}

// ids names nodes, each once, in the order in which they were first recorded.
func (g *graph) ids(nodes []uint32) []string {
	if !slices.IsSorted(nodes) {
		slices.Sort(nodes)
	}
	nodes = slices.Compact(nodes)
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = g.nodes[n].id
	}
	return out
}

// Changes implements [ipc.Discovery].
func (s *Service) Changes(ctx context.Context, req ipc.ChangesRequest) (ipc.ChangesReply, error) {
	if err := s.enter(ctx); err != nil {
		return ipc.ChangesReply{}, err
	}
	defer s.unlock()
	s.finishScan()
	if req.Causes > 0 {
		return s.dirtyWithCauses(req.Causes), nil
	}
	reply := ipc.ChangesReply{Generation: s.changes.generation, Dirty: s.graph.ids(s.graph.dirtyNodes())}
	reply.Paths, reply.Truncated = s.changes.since(req.Since)
	return reply, nil
}

// dirtyWithCauses lists at most limit dirty nodes.
func (s *Service) dirtyWithCauses(limit int) ipc.ChangesReply {
	dirty := s.graph.dirtyNodes()
	reply := ipc.ChangesReply{Generation: s.changes.generation, Paths: []string{}, Dirty: []string{}, Count: len(dirty)}
	for _, n := range dirty[:min(len(dirty), limit)] {
		reply.Nodes = append(reply.Nodes, ipc.DirtyNode{ID: s.graph.nodes[n].id, Causes: s.graph.causes(n)})
	}
	return reply
}

// maxChanges is how many changes are remembered.
const maxChanges = 4096

// changeLog is what changed last.
type changeLog struct {
	generation uint64   // of the last change
	paths      []string // of the last changes, one a generation
}

func (c *changeLog) add(path string) {
	c.generation++
	if len(c.paths) >= 2*maxChanges {
		c.paths = append(c.paths[:0], c.paths[maxChanges:]...)
	}
	c.paths = append(c.paths, path)
}

// since returns the paths that changed after a generation, each once, by their last
// change; truncated if there were more.
func (c *changeLog) since(generation uint64) (paths []string, truncated bool) {
	if generation > c.generation {
		generation, truncated = 0, true // of another life
	}
	n := c.generation - generation
	if n > uint64(len(c.paths)) {
		n, truncated = uint64(len(c.paths)), true
	}
	seen := map[string]bool{}
	paths = []string{}
	for _, p := range slices.Backward(c.paths[len(c.paths)-int(n):]) {
		if !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	slices.Reverse(paths)
	return paths, truncated
}

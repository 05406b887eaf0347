package discovery

import (
	"slices"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// kind is what an expectation is about.
type kind uint8

const (
	reads  kind = iota // a file that a node was made from
	makes              // a file that a node made
	misses             // names that must not be in a folder
	lists              // the names that must be in a folder
)

// expectation is one thing that nodes rely on. Equal expectations are one. It knows all
// nodes that rely on it and whether it is met, so a change costs only as much as depends
// on it.
type expectation struct {
	// want is the packed signature of a file, the packed numbers of names or the
	// digest of a listing.
	want    string
	content string   // of a file, if that is all that matters; see contents.go
	also    string   // another packed signature of a file with that content
	nodes   []uint32 // ascending
	since   uint64   // when it was broken
	subject uint32   // number of a file, folder or listing
	kind    kind
	broken  bool
}

type expectationKey struct {
	want    string
	content string
	subject uint32
	kind    kind
}

func (e *expectation) key() expectationKey {
	return expectationKey{e.want, e.content, e.subject, e.kind}
}

// node is a recorded node. It is dirty while anything it expects is broken, or its
// record is not settled.
type node struct {
	id        string
	set       string // what its record calls all that is not an output
	expects   packed // numbers of expectations
	unsettled string
	broken    int32 // how many of them are broken
	outputs   int32 // how many of these are outputs
}

func (n *node) dirty() bool { return n.broken > 0 || n.unsettled != "" }

// onlyOutputs reports whether nothing but outputs makes the node dirty.
func (n *node) onlyOutputs() bool { return n.broken == n.outputs && n.unsettled == "" }

// count counts an expectation that was broken (1) or mended (-1).
func (n *node) count(e *expectation, step int32) {
	n.broken += step
	if e.kind == makes {
		n.outputs += step
	}
}

// graph is everything that was recorded, and what the last look at each file showed. It
// does no input or output.
type graph struct {
	root  string        // with forward slashes
	disks *stamps.Disks // made anew after a mount

	nodes     []node
	freeNodes []uint32
	nodeByID  map[string]uint32
	dirty     map[uint32]struct{}
	suspects  map[uint32]struct{} // broken expectations of a content

	expects     []expectation
	freeExpects []uint32
	expectByKey map[expectationKey]uint32
	idle        []uint32 // expectations that lost their last node

	files     []*file
	freeFiles []uint32
	dirs      []*dirNode
	dirByPath map[string]*dirNode
	listings  []*listing

	names  []string // that were missed somewhere
	nameOf map[string]uint32
	sets   map[string]string // packed sets of them, each kept once
	prune  int               // how many sets there may be before unused ones are dropped

	owned   map[string]bool // folders in the root that hold what nodes made
	flips   uint64          // counts broken expectations, for "the earliest seen"
	touched []*dirNode      // folders where a missed name came or went
}

func newGraph(root string) *graph {
	return &graph{
		root:        root,
		disks:       &stamps.Disks{},
		nodeByID:    map[string]uint32{},
		dirty:       map[uint32]struct{}{},
		suspects:    map[uint32]struct{}{},
		expectByKey: map[expectationKey]uint32{},
		dirByPath:   map[string]*dirNode{},
		nameOf:      map[string]uint32{},
		sets:        map[string]string{},
	}
}

// expect returns the number of an expectation, which is new if no node has it yet. met
// tells whether it is met now.
func (g *graph) expect(key expectationKey, met func() bool) uint32 {
	k, subject := key.kind, key.subject
	if i, ok := g.expectByKey[key]; ok {
		return i
	}
	var i uint32
	if n := len(g.freeExpects); n > 0 {
		i, g.freeExpects = g.freeExpects[n-1], g.freeExpects[:n-1]
	} else {
		i = uint32(len(g.expects))
		g.expects = append(g.expects, expectation{})
	}
	g.expects[i] = expectation{want: key.want, content: key.content, subject: subject, kind: k}
	g.expectByKey[key] = i
	g.idle = append(g.idle, i)
	switch k {
	case reads, makes:
		f := g.files[subject]
		f.expects = append(f.expects, i)
		if k == makes {
			f.makers++
		}
	case misses:
		g.dirs[subject].missing = append(g.dirs[subject].missing, i)
	case lists:
		g.listings[subject].expects = append(g.listings[subject].expects, i)
	}
	g.set(i, !met())
	return i
}

// set breaks or mends an expectation.
func (g *graph) set(i uint32, broken bool) {
	e := &g.expects[i]
	if e.broken == broken {
		return
	}
	e.broken = broken
	if e.content != "" {
		g.suspect(i)
	}
	step := int32(-1)
	if broken {
		g.flips++
		e.since, step = g.flips, 1
	}
	for _, n := range e.nodes {
		g.nodes[n].count(e, step)
		g.file(n)
	}
}

// file puts a node where it belongs: among the dirty ones or not.
func (g *graph) file(n uint32) {
	if g.nodes[n].dirty() {
		g.dirty[n] = struct{}{}
	} else {
		delete(g.dirty, n)
	}
}

// put makes or replaces a node; expects is sorted in place.
func (g *graph) put(id, set, unsettled string, expects []uint32) {
	slices.Sort(expects)
	expects = slices.Compact(expects)
	n, known := g.nodeByID[id]
	switch {
	case known:
	case len(g.freeNodes) > 0:
		n = g.freeNodes[len(g.freeNodes)-1]
		g.freeNodes = g.freeNodes[:len(g.freeNodes)-1]
	default:
		n = uint32(len(g.nodes))
		g.nodes = append(g.nodes, node{})
	}
	g.nodeByID[id] = n
	g.nodes[n].id, g.nodes[n].set, g.nodes[n].unsettled = id, set, unsettled
	g.rely(n, expects)
	g.file(n)
}

// expectsOf appends what a node expects of all that is not an output, if its record
// calls that by this name.
func (g *graph) expectsOf(id, set string, into []uint32) (expects []uint32, ok bool) {
	n, ok := g.nodeByID[id]
	if !ok || set == "" || g.nodes[n].set != set {
		return into, false
	}
	for _, i := range g.nodes[n].expects.unpack(nil) {
		if g.expects[i].kind != makes {
			into = append(into, i)
		}
	}
	return into, true
}

// forget drops a node.
func (g *graph) forget(id string) {
	n, ok := g.nodeByID[id]
	if !ok {
		return
	}
	g.rely(n, nil)
	delete(g.nodeByID, id)
	delete(g.dirty, n)
	g.nodes[n] = node{}
	g.freeNodes = append(g.freeNodes, n)
}

// forgetAll drops every node, faster than one by one.
func (g *graph) forgetAll() {
	for i := range g.expects {
		if len(g.expects[i].nodes) > 0 {
			g.expects[i].nodes = nil
			g.idle = append(g.idle, uint32(i))
		}
	}
	g.nodes, g.freeNodes = nil, nil
	clear(g.nodeByID)
	clear(g.dirty)
}

// rely sets what node n relies on to expects, which is ascending. It touches only the
// differences.
func (g *graph) rely(n uint32, expects []uint32) {
	before := g.nodes[n].expects.unpack(nil)
	i, j := 0, 0
	for i < len(before) || j < len(expects) {
		switch {
		case j == len(expects) || i < len(before) && before[i] < expects[j]:
			g.leave(n, before[i])
			i++
		case i == len(before) || expects[j] < before[i]:
			g.join(n, expects[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	g.nodes[n].expects = pack(expects)
}

func (g *graph) join(n, i uint32) {
	e := &g.expects[i]
	if last := len(e.nodes) - 1; last < 0 || e.nodes[last] < n {
		e.nodes = append(e.nodes, n)
	} else {
		at, _ := slices.BinarySearch(e.nodes, n)
		e.nodes = slices.Insert(e.nodes, at, n)
	}
	if e.broken {
		g.nodes[n].count(e, 1)
	}
}

func (g *graph) leave(n, i uint32) {
	e := &g.expects[i]
	if at, ok := slices.BinarySearch(e.nodes, n); ok {
		e.nodes = slices.Delete(e.nodes, at, at+1)
	}
	if e.broken {
		g.nodes[n].count(e, -1)
	}
	if len(e.nodes) == 0 {
		g.idle = append(g.idle, i)
	}
}

// release drops the expectations that no node has any more, and returns the files,
// folders and listings that nothing is expected of any more.
func (g *graph) release() (files []*file, dirs []*dirNode, dropped []*listing) {
	for _, i := range g.idle {
		e := &g.expects[i]
		key := e.key()
		if at, ok := g.expectByKey[key]; len(e.nodes) > 0 || !ok || at != i {
			continue
		}
		delete(g.expectByKey, key)
		delete(g.suspects, i)
		switch e.kind {
		case reads, makes:
			f := g.files[e.subject]
			f.expects = without(f.expects, i)
			if e.kind == makes {
				f.makers--
			}
			if len(f.expects) == 0 {
				files, dirs = append(files, f), append(dirs, f.dir)
				g.dropFile(f)
			}
		case misses:
			p := g.dirs[e.subject]
			p.missing = without(p.missing, i)
			p.released++
			dirs = append(dirs, p)
		case lists:
			l := g.listings[e.subject]
			l.expects = without(l.expects, i)
			if len(l.expects) == 0 {
				dropped = append(dropped, l)
			}
		}
		g.expects[i] = expectation{}
		g.freeExpects = append(g.freeExpects, i)
	}
	g.idle = g.idle[:0]
	g.pruneSets()
	return files, dirs, dropped
}

func without(list []uint32, x uint32) []uint32 {
	if at := slices.Index(list, x); at >= 0 {
		list[at] = list[len(list)-1]
		list = list[:len(list)-1]
	}
	return list
}

// maxCauses is how many causes of one node are told.
const maxCauses = 8

// causes tells why a node is dirty, the earliest first. A wrong output is always among them:
// it says that another program made the node.
func (g *graph) causes(n uint32) []ipc.Cause {
	var broken []uint32
	for _, i := range g.nodes[n].expects.unpack(nil) {
		if g.expects[i].broken {
			broken = append(broken, i)
		}
	}
	slices.SortStableFunc(broken, func(a, b uint32) int {
		return compare(g.expects[a].since, g.expects[b].since)
	})
	if at := slices.IndexFunc(broken, func(i uint32) bool { return g.expects[i].kind == makes }); at >= maxCauses {
		broken[maxCauses-1] = broken[at]
	}
	var out []ipc.Cause
	for _, i := range broken {
		if len(out) < maxCauses {
			out = append(out, g.causesOf(i)...)
		}
	}
	if u := g.nodes[n].unsettled; u != "" {
		c := ipc.Cause{Kind: ipc.CauseUnsettled, Text: u}
		if g.knows(u) {
			c.Path = u
		}
		out = append(out, c)
	}
	return out[:min(len(out), maxCauses)]
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// causesOf puts a broken expectation into causes.
func (g *graph) causesOf(i uint32) []ipc.Cause {
	switch e := &g.expects[i]; e.kind {
	case makes:
		f, wrong := g.files[e.subject], words.OutputChanged
		if f.now == nothing {
			wrong = words.OutputMissing
		}
		return []ipc.Cause{{Kind: ipc.CauseOutput, Path: f.path(), Text: wrong}}
	case misses:
		return g.dirs[e.subject].appeared(g, packed(e.want))
	case lists:
		return []ipc.Cause{{Kind: ipc.CauseListing, Path: g.listings[e.subject].dir.shown()}}
	default:
		f, kind := g.files[e.subject], ipc.CauseChanged
		if f.now == nothing {
			kind = ipc.CauseRemoved
		}
		return []ipc.Cause{{Kind: kind, Path: f.path()}}
	}
}

// dirtyNodes lists the dirty nodes in the order in which they were first recorded.
func (g *graph) dirtyNodes() []uint32 {
	out := make([]uint32, 0, len(g.dirty))
	for n := range g.dirty {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

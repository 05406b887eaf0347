package environment

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// Nodes is which variables of the environment the nodes of a plan were made from. Discovery
// does not know the environment of a caller, so the variables are compared here, at the
// beginning of each build. Most nodes asked for the same, so that comparing costs as much for
// ten nodes as for ten thousand. The zero value has no nodes.
type Nodes struct {
	sets [][]ipc.Variable
	of   map[string]int // by node: the index of its set, 0 if it is not there
}

// SavedSet is a set of variables in a state file, and the nodes that have it. Nodes is left
// out of the largest set.
type SavedSet struct {
	Variables []ipc.Variable `json:"variables"`
	Nodes     []string       `json:"nodes,omitempty"`
}

// RestoreNodes reads what [Nodes.Save] returned. The first set is that of all other nodes.
func RestoreNodes(saved []SavedSet) Nodes {
	a := Nodes{of: map[string]int{}}
	for _, s := range saved {
		for _, node := range s.Nodes {
			a.of[node] = len(a.sets)
		}
		a.sets = append(a.sets, s.Variables)
	}
	return a
}

// Save returns the sets of some nodes, the largest first.
func (a *Nodes) Save(nodes map[string]bool) []SavedSet {
	if len(a.sets) == 0 {
		return nil
	}
	members := make([][]string, len(a.sets))
	for node := range nodes {
		i := a.SetOf(node)
		members[i] = append(members[i], node)
	}
	largest := 0
	for i := range members {
		if len(members[i]) > len(members[largest]) {
			largest = i
		}
	}
	saved := []SavedSet{{Variables: a.sets[largest]}}
	for i, list := range members {
		if i != largest && len(list) > 0 {
			slices.Sort(list)
			saved = append(saved, SavedSet{a.sets[i], list})
		}
	}
	return saved
}

// SaveAll is [Nodes.Save] for all nodes that are known.
func (a *Nodes) SaveAll() []SavedSet {
	var saved []SavedSet
	for i, set := range a.sets {
		one := SavedSet{Variables: set}
		for node, at := range a.of {
			if i > 0 && at == i {
				one.Nodes = append(one.Nodes, node)
			}
		}
		slices.Sort(one.Nodes)
		saved = append(saved, one)
	}
	return saved
}

// SetOf is the number of the set that a node has, for [Nodes.Changed].
func (a *Nodes) SetOf(node string) int { return a.of[node] }

// OnlyOf forgets all nodes but these, and the sets that no node has any more: an old set
// would differ in each build.
func (a *Nodes) OnlyOf(nodes map[string]bool) { *a = RestoreNodes(a.Save(nodes)) }

// Put notes what a node asked for.
func (a *Nodes) Put(node string, v []ipc.Variable) {
	if a.of == nil {
		a.of = map[string]int{}
	}
	if len(a.sets) == 0 {
		a.sets = append(a.sets, nil) // of nodes that were not put
	}
	for i := range a.sets {
		if slices.Equal(a.sets[i], v) {
			a.of[node] = i
			return
		}
	}
	a.of[node] = len(a.sets)
	a.sets = append(a.sets, v)
}

// Names are the names that any node asked for, sorted, each once.
func (a *Nodes) Names() []string {
	var names []string
	for _, set := range a.sets {
		for _, v := range set {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Changed returns, by the number of a set, the first variable that is not what it was.
func (a *Nodes) Changed(now *Variables) map[int]Change {
	changes := make(map[int]Change)
	for i, set := range a.sets {
		for _, v := range set {
			if text := now.Text(v.Name); text != v.Text {
				changes[i] = Difference(v.Name, v.Text, text)
				break
			}
		}
	}
	return changes
}

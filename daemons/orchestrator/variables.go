package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// nodeVariables is which variables of the environment the nodes were made from. Discovery cannot
// know what a caller's environment is, so that is compared here, at the beginning of each
// build. Most nodes asked for the same, so that comparing costs as much for ten nodes as
// for ten thousand. The zero value has no nodes.
type nodeVariables struct {
	sets []variables
	of   map[string]int // by node: the index of its set, 0 if it is not there
}

// variables are what a node asked for, and what it was.
type variables []ipc.Variable

// savedVariables is a set in the state file. Nodes is left out of the largest one.
type savedVariables struct {
	Variables variables `json:"variables"`
	Nodes     []string  `json:"nodes,omitempty"`
}

// restoreVariables reads what [nodeVariables.save] wrote. The first set is that of all other nodes.
func restoreVariables(saved []savedVariables) nodeVariables {
	a := nodeVariables{of: map[string]int{}}
	for _, s := range saved {
		for _, node := range s.Nodes {
			a.of[node] = len(a.sets)
		}
		a.sets = append(a.sets, s.Variables)
	}
	return a
}

// save returns the sets of some nodes, the largest first.
func (a *nodeVariables) save(nodes map[string]bool) []savedVariables {
	if len(a.sets) == 0 {
		return nil
	}
	members := make([][]string, len(a.sets))
	for node := range nodes {
		i := a.at(node)
		members[i] = append(members[i], node)
	}
	largest := 0
	for i := range members {
		if len(members[i]) > len(members[largest]) {
			largest = i
		}
	}
	saved := []savedVariables{{Variables: a.sets[largest]}}
	for i, list := range members {
		if i != largest && len(list) > 0 {
			slices.Sort(list)
			saved = append(saved, savedVariables{a.sets[i], list})
		}
	}
	return saved
}

// saveAll is save for all nodes that are known.
func (a *nodeVariables) saveAll() []savedVariables {
	var saved []savedVariables
	for i, set := range a.sets {
		one := savedVariables{Variables: set}
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

func (a *nodeVariables) at(node string) int { return a.of[node] }

// onlyOf forgets all nodes but these, and the sets that no node needs any more: an old set
// would differ for ever.
func (a *nodeVariables) onlyOf(nodes map[string]bool) { *a = restoreVariables(a.save(nodes)) }

// put notes what a node asked for.
func (a *nodeVariables) put(node string, v variables) {
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

// changed returns, by the index of a set, the first variable that is not what it was.
func (a *nodeVariables) changed(now *environment.Variables) map[int]ipc.Cause {
	causes := make(map[int]ipc.Cause)
	for i, set := range a.sets {
		for _, v := range set {
			if text := now.Text(v.Name); text != v.Text {
				causes[i] = causeOf(environment.Difference(v.Name, v.Text, text))
				break
			}
		}
	}
	return causes
}

// causeOf is the cause by which a reason tells of a variable.
func causeOf(c environment.Change) ipc.Cause {
	return ipc.Cause{Kind: ipc.CauseEnvironment, Path: c.Name, Text: words.Environment(c).Text}
}

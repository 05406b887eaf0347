package environment

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
)

// Whatever nodes ask for, in whatever order, before and after a restart: a node is named if
// a variable of its own has another value, and no other one is.
func TestVariablesOfNodes(t *testing.T) {
	t.Parallel()
	names := []string{"A", "B", "C"}
	rapid.Check(t, func(t *rapid.T) {
		env := func(label string) []string {
			var out []string
			for _, name := range names {
				if v := rapid.IntRange(0, 2).Draw(t, label+name); v > 0 {
					out = append(out, name+"="+string(rune('0'+v)))
				}
			}
			return out
		}
		var asked Nodes
		of, recorded := map[string][]ipc.Variable{}, map[string]bool{}
		for i := range rapid.IntRange(0, 12).Draw(t, "steps") {
			node := string(rune('a' + rapid.IntRange(0, 4).Draw(t, "node")))
			now := New(env("made"))
			var v []ipc.Variable
			for _, name := range names {
				if rapid.Bool().Draw(t, "asks") {
					v = append(v, ipc.Variable{Name: name, Text: now.Text(name)})
				}
			}
			asked.Put(node, v)
			of[node], recorded[node] = v, true
			switch i % 3 {
			case 0:
				asked.OnlyOf(recorded)
			case 1:
				asked = RestoreNodes(asked.Save(recorded))
			case 2:
				asked = RestoreNodes(asked.SaveAll())
			}
		}
		now := New(env("now"))
		changes := asked.Changed(now)
		any := false
		for node, v := range of {
			want := false
			for _, one := range v {
				want = want || now.Text(one.Name) != one.Text
			}
			if _, got := changes[asked.SetOf(node)]; got != want {
				t.Fatalf("%s asked for %v: changed %v, want %v", node, v, got, want)
			}
			any = any || want
		}
		asked.OnlyOf(recorded)
		if changes = asked.Changed(now); len(changes) > 0 != any {
			t.Fatalf("changed %v, want %v", changes, any)
		}
	})
}

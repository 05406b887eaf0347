package discovery

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestDependents(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.write("src/b.cpp", "")
	tr.record(nodeSpec{id: "app:src/b.cpp", inputs: []string{"src/b.cpp", "inc/a.h"}})
	tr.symlink("inc", "linked")
	tr.record(nodeSpec{id: "app:src/c.cpp", inputs: []string{"linked/a.h"}})
	both := []string{"app:src/main.cpp", "app:src/b.cpp"}
	for path, want := range map[string]ipc.DependentsReply{
		"inc/a.h":           {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		tr.abs("inc/a.h"):   {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		"./inc//a.h":        {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		"src/b.cpp":         {Nodes: both[1:]},
		"early/a.h":         {Missed: both[:1]},
		"none/deep/a.h":     {Missed: both[:1]},
		"build/obj/main.o":  {},
		"unknown":           {},
		"app:src/main.cpp":  {Inputs: []string{"inc/a.h", "src/main.cpp"}},
		"no/such/folder/at": {},
	} {
		got, err := tr.service.Dependents(context.Background(), ipc.DependentsRequest{Path: path})
		if err != nil || !slices.Equal(got.Nodes, want.Nodes) || !slices.Equal(got.Missed, want.Missed) || !slices.Equal(got.Inputs, want.Inputs) {
			t.Errorf("%s: %+v, %v, want %+v", path, got, err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	before := tr.sync().Generation
	tr.write("inc/a.h", "1")
	tr.sync()
	tr.write("build/obj/main.o", "ours")
	tr.write("src/main.cpp", "1")
	tr.sync()
	ask := func(since uint64) ipc.ChangesReply {
		r, err := tr.service.Changes(context.Background(), ipc.ChangesRequest{Since: since})
		tr.must(err)
		return r
	}
	all := ask(before)
	if !slices.Equal(all.Paths, []string{"inc/a.h", "src/main.cpp"}) || all.Truncated || !slices.Equal(all.Dirty, []string{"app:src/main.cpp"}) {
		t.Errorf("%+v", all)
	}
	if r := ask(all.Generation); len(r.Paths) != 0 || r.Truncated {
		t.Errorf("nothing new, but %+v", r)
	}
	if r := ask(all.Generation + 5); !r.Truncated {
		t.Errorf("a generation of another life: %+v", r)
	}
}

func TestChangeLogForgetsTheOldest(t *testing.T) {
	t.Parallel()
	var c changeLog
	for i := range 3 * maxChanges {
		c.add(fmt.Sprint(i))
	}
	paths, truncated := c.since(c.generation - 2)
	if want := []string{fmt.Sprint(3*maxChanges - 2), fmt.Sprint(3*maxChanges - 1)}; truncated || !slices.Equal(paths, want) {
		t.Errorf("%q, %v, want %q", paths, truncated, want)
	}
	if paths, truncated := c.since(0); !truncated || len(paths) < maxChanges {
		t.Errorf("%d paths, truncated %v", len(paths), truncated)
	}
}

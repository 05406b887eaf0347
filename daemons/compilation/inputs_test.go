package compilation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestInputs(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-Iinc")
	p.write("inc/a.h", "#include \"../inc/b.h\"\n")
	p.write("inc/b.h", "#pragma once\nextern int b;\n")
	p.write("one.cpp", "#include \"a.h\"\n#include \"b.h\"\n")
	p.write("two.cpp", "#include \"b.h\"\n")
	p.build("one.cpp")
	p.build("two.cpp")
	req := ipc.InputsRequest{Seconds: map[string]float64{"app:one.cpp": 3, "app:two.cpp": 1, "app:gone.cpp": 9}}
	all, err := p.s.Inputs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	// b.h is read under two spellings by one.cpp and counts once.
	want := ipc.InputCost{Path: "inc/b.h", Bytes: 27, Units: 2, Seconds: 4}
	if len(all.Files) < 4 || all.Files[0] != want && !slices.Contains(all.Files, want) {
		t.Errorf("got %+v, want %+v among them", all.Files, want)
	}
	if !slices.IsSortedFunc(all.Files, func(a, b ipc.InputCost) int { return int(b.Seconds - a.Seconds) }) {
		t.Errorf("not the costliest first: %+v", all.Files)
	}
	req.Paths = []string{"inc/a.h", "none.h", "inc/b.h"}
	some, err := p.s.Inputs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(some.Files); got != fmt.Sprint([]ipc.InputCost{{Path: "inc/a.h", Bytes: 22, Units: 1, Seconds: 3}, {Path: "none.h"}, want}) {
		t.Errorf("some: %s", got)
	}
}

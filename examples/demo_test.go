package examples_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/examples"
)

// TestDemo builds the embedded project without daemons, runs its program, makes
// the edit and sees that the program prints something else.
func TestDemo(t *testing.T) {
	t.Parallel()
	root, err := fs.Sub(examples.Demo, "demo")
	if err != nil {
		t.Fatal(err)
	}
	p := newProject(t, buildProgram(t), "demo")
	if err := os.CopyFS(p.root, root); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "CI=1")
	p.compile().expect(t, "the cold build", 6, 0)
	before := p.run("run", "press")
	if !strings.Contains(before, "at level 1") {
		t.Errorf("the program prints\n%s", before)
	}
	p.replace(examples.EditFile, examples.EditOld, examples.EditNew)
	edited := p.compile()
	edited.expect(t, "the edit", 1, 5)
	expectNames(t, "compiled after the edit", edited.compiled, []string{examples.EditFile})
	if after := p.run("run", "press"); !strings.Contains(after, "at level 9") {
		t.Errorf("after the edit the program prints\n%s", after)
	}
}

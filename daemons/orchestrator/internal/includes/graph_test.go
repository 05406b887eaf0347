package includes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree writes files and returns the includes of src/main.cpp among them.
func tree(t *testing.T, args string, files map[string]string) *Graph {
	t.Helper()
	root := t.TempDir()
	var inputs []string
	for name, text := range files {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(root, name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, name)
	}
	slices.Sort(inputs)
	return New(NewTexts(), root, "src/main.cpp", strings.Fields(strings.ReplaceAll(args, "ROOT", root)), inputs)
}

func TestShortestChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		files      map[string]string
		file, want string
	}{
		{"the shorter of two ways", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"a.h\"\n#include \"c.h\"", "inc/a.h": "#include \"b.h\"", "inc/b.h": "#include \"d.h\"",
			"inc/c.h": "#include \"d.h\"", "inc/d.h": "",
		}, "inc/d.h", "src/main.cpp inc/c.h inc/d.h"},
		{"beside the file that includes", "-I inc", map[string]string{
			"src/main.cpp": "#include \"x.h\"", "src/x.h": "", "inc/x.h": "",
		}, "inc/x.h", ""},
		{"not beside it in angles", "-I inc", map[string]string{
			"src/main.cpp": "#include <x.h>", "src/x.h": "", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/x.h"},
		{"the order of folders", "-isystem late -Iearly -iquote first", map[string]string{
			"src/main.cpp": "#include <x.h>", "late/x.h": "", "early/x.h": "", "first/x.h": "",
		}, "early/x.h", "src/main.cpp early/x.h"},
		{"by the name where no flag leads", "", map[string]string{
			"src/main.cpp": "#include <lib/x.h>", "third/lib/x.h": "", "third/other/x.h": "",
		}, "third/lib/x.h", "src/main.cpp third/lib/x.h"},
		{"out of the folder", "", map[string]string{
			"src/main.cpp": "#include \"../inc/x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/x.h"},
		{"the next one", "-Ia -Ib", map[string]string{
			"src/main.cpp": "#include <x.h>", "a/x.h": "#include_next <x.h>", "b/x.h": "",
		}, "b/x.h", "src/main.cpp a/x.h b/x.h"},
		{"forced", "-include pre.h -IROOT/inc", map[string]string{
			"src/main.cpp": "", "pre.h": "#include \"x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp pre.h inc/x.h"},
		{"by a macro", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"m.h\"", "inc/m.h": "#include CONFIG", "inc/config.h": "#include \"x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/m.h inc/config.h inc/x.h"},
		{"a ring", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"a.h\"", "inc/a.h": "#include \"b.h\"", "inc/b.h": "#include \"a.h\"",
		}, "inc/b.h", "src/main.cpp inc/a.h inc/b.h"},
		{"not read", "-Iinc", map[string]string{"src/main.cpp": "#include \"a.h\""}, "inc/a.h", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := tree(t, tt.args, tt.files)
			_, parent := g.Reach("src/main.cpp")
			if got := strings.Join(Chain(parent, tt.file), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A build folder names what lies above it by "..", and discovery by its whole path.
func TestAboveTheRoot(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	root, header := filepath.Join(above, "build"), filepath.Join(above, "inc", "x.h")
	source := filepath.Join(above, "main.cpp")
	for file, text := range map[string]string{source: "#include <x.h>", header: ""} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	decoy := filepath.Join(above, "other", "x.h")
	g := New(NewTexts(), root, source, []string{"-I../inc"}, []string{decoy, header, source})
	if got := g.Of(source); !slices.Equal(got, []string{header}) {
		t.Errorf("%q, not %q", got, header)
	}
}

package discovery

import (
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
	"pgregory.net/rapid"
)

func TestPackedNumbersComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.SliceOf(rapid.Uint32()).Draw(r, "numbers")
		slices.Sort(list)
		list = slices.Compact(list)
		if got := pack(list).unpack(nil); !slices.Equal(got, list) {
			r.Fatalf("%v came back as %v", list, got)
		}
	})
}

func TestPackedSignaturesDiffer(t *testing.T) {
	t.Parallel()
	s := ipc.Signature{Dev: 1, Ino: 2, Size: 3, Mtime: 4, Ctime: 5, Mode: 6}
	seen := map[string]bool{packSignature(s): true, nothing: true}
	for _, change := range []func(*ipc.Signature){
		func(s *ipc.Signature) { s.Dev++ }, func(s *ipc.Signature) { s.Ino++ }, func(s *ipc.Signature) { s.Size++ },
		func(s *ipc.Signature) { s.Mtime-- }, func(s *ipc.Signature) { s.Ctime = -s.Ctime }, func(s *ipc.Signature) { s.Mode++ },
		func(s *ipc.Signature) { s.Dev, s.Ino = 1<<63, 1<<63 },
	} {
		other := s
		change(&other)
		if seen[packSignature(other)] {
			t.Errorf("%+v is packed as another one", other)
		}
		seen[packSignature(other)] = true
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	g := newGraph("/home/u/p")
	for path, want := range map[string][2]string{
		"src/a.cpp":                {"src", "a.cpp"},
		"./src//./a.cpp":           {"src", "a.cpp"},
		"/home/u/p/src/a.cpp":      {"src", "a.cpp"},
		"/home/u/p2/a.cpp":         {"/home/u/p2", "a.cpp"},
		"a.cpp":                    {"", "a.cpp"},
		"/home/u/p":                {"", "."},
		".":                        {"", "."},
		"":                         {"", "."},
		"/":                        {"/", "."},
		"/vmlinuz":                 {"/", "vmlinuz"},
		"..":                       {"..", "."},
		"../x/../y/a.h":            {"../x/../y", "a.h"},
		"/usr/bin/../include/..":   {"/usr/bin/../include/..", "."},
		"src/":                     {"", "src"},
		"a./b":                     {"a.", "b"},
		"/usr/lib/gcc/../x//y.h/.": {"/usr/lib/gcc/../x", "y.h"},
	} {
		dir, base := split(g.spell(path))
		if dir != want[0] || base != want[1] {
			t.Errorf("%q: folder %q, name %q, want %q", path, dir, base, want)
		}
	}
}

// TestReaches compares with what doublestar matches: a folder may be left out only
// if nothing beneath can match.
func TestReaches(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "b", "ab"}
	patterns := []string{"", "*", "**", "**/*", "a/*", "a/**/b", "*/b", "{a,b}/*", "{a/b,c}/*", "a?/b", "[ab]/**", "a**/b", `\a/b`, "a/b/a"}
	for _, pattern := range patterns {
		l := &listing{match: pattern}
		for _, x := range parts {
			for _, y := range parts {
				for _, z := range parts {
					if l.lists(x+"/"+y) && !l.reaches(x) || l.lists(x+"/"+y+"/"+z) && (!l.reaches(x) || !l.reaches(x+"/"+y)) {
						t.Errorf("%q: does not reach into %s/%s", pattern, x, y)
					}
				}
			}
		}
	}
	for _, pattern := range []string{"", "*", "*.cpp", "a"} {
		if (&listing{match: pattern}).reaches("a") {
			t.Errorf("%q reaches into folders", pattern)
		}
	}
	if (&listing{match: "a/*/c"}).reaches("b") || (&listing{match: "a/*/c"}).reaches("a/b/c") {
		t.Error("a/*/c reaches too far")
	}
}

// TestEarliestCauseIsKeptAmongMany: at most eight causes, the first one first.
func TestEarliestCauseIsKeptAmongMany(t *testing.T) {
	t.Parallel()
	g := newGraph("/p")
	want := packSignature(ipc.Signature{Ino: 1})
	var expects []uint32
	var files []*file
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		f := g.fileFor(name, false)
		g.see(f, []byte(want))
		files = append(files, f)
		expects = append(expects, g.expect(expectationKey{want: want, subject: f.number, kind: reads}, f.met(want)))
	}
	g.put("n", "", "", expects)
	g.put("m", "", "", expects[:2])
	for _, f := range slices.Backward(files) {
		g.see(f, []byte(nothing))
	}
	c := g.causes(g.nodeByID["n"])
	if len(c) != maxCauses || c[0] != (ipc.Cause{Kind: ipc.CauseRemoved, Path: "j"}) || c[7].Path != "c" {
		t.Errorf("causes %+v", c)
	}
	if len(g.dirty) != 2 {
		t.Errorf("%d dirty nodes, want 2", len(g.dirty))
	}
	for _, f := range files {
		g.see(f, []byte(want))
	}
	if len(g.dirty) != 0 {
		t.Errorf("%d dirty nodes after everything came back", len(g.dirty))
	}
}

// An output that is gone is told from one that another program changed.
func TestWhatIsWrongWithAnOutput(t *testing.T) {
	t.Parallel()
	g := newGraph("/p")
	f, want := g.fileFor("a.o", false), packSignature(ipc.Signature{Ino: 1})
	g.see(f, []byte(want))
	g.put("n", "", "", []uint32{g.expect(expectationKey{want: want, subject: f.number, kind: makes}, f.met(want))})
	for now, text := range map[string]string{nothing: "missing", packSignature(ipc.Signature{Ino: 2}): "changed by another program"} {
		g.see(f, []byte(now))
		if c := g.causes(g.nodeByID["n"]); len(c) != 1 || c[0] != (ipc.Cause{Kind: ipc.CauseOutput, Path: "a.o", Text: text}) {
			t.Errorf("%+v, want %q", c, text)
		}
	}
}

package compilation

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// heavy is a source of many template instantiations; a clang or g++ takes more than
// 100 MB for it.
func heavy(seed int) string {
	return fmt.Sprintf(`#include <map>
#include <string>
#include <vector>
template <int N> struct T { std::map<int, std::vector<std::string>> m; int f() { m[N].push_back("x"); return T<N - 1>().f(); } };
template <> struct T<%d> { int f() { return 0; } };
int heavy%d() { return T<%d>().f(); }
`, seed, seed, seed+15)
}

// TestMemoryIsLearned builds heavy units on a bound that fits two of them. Nothing is
// known of them at first, so the first is expected to take 400 MB and runs alone, and the
// others to take what it took; the second time each is expected to take what it took.
// Neither fails, and never do three run side by side.
func TestMemoryIsLearned(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	var sources []string
	for i := range 3 {
		sources = append(sources, fmt.Sprintf("h%d.cpp", i))
		p.write(sources[i], heavy(100*i))
	}
	counts := filepath.Join(t.TempDir(), "counts")
	if err := os.Mkdir(counts, 0o755); err != nil {
		t.Fatal(err)
	}
	// Each compile notes how many run when it begins.
	p.wrap(`d=` + counts + `; : >$d/run.$$; ls $d | grep -c '^run' >>$d/most; $real "$@"; s=$?; rm $d/run.$$; exit $s`)
	most := func() int {
		text, _ := os.ReadFile(filepath.Join(counts, "most"))
		_ = os.Remove(filepath.Join(counts, "most"))
		n := 0
		for _, line := range strings.Fields(string(text)) {
			if i, _ := strconv.Atoi(line); i > n {
				n = i
			}
		}
		return n
	}
	build := func() (peak int64) {
		t.Helper()
		req := p.batch(sources...)
		req.NoCache = true
		out, err := p.run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for source, r := range out {
			if r.Status != ipc.StatusCompiled {
				t.Errorf("%s: %s: %s", source, r.Status, r.Diagnostics)
			}
			peak = max(peak, r.Peak)
		}
		return peak
	}
	p.cfg.Jobs, p.cfg.MaxMemory = 4, 350<<20
	peak := build()
	if n := most(); n > 2 {
		t.Errorf("of unknown units, %d ran at a time, of up to %d MB each", n, peak>>20)
	}
	p.s.slots.SetMaxMemory(peak*5/2 + 1)
	build()
	if n := most(); n > 2 {
		t.Errorf("%d ran at a time, of up to %d MB each, on a bound of %d MB", n, peak>>20, (peak*5/2)>>20)
	}
}

// TestListReason: of a target made from another list, it is said what is new or gone.
func TestListReason(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	for _, s := range []string{"a", "b", "c"} {
		p.write(s+".cpp", "int "+s+"() { return 1; }\n")
	}
	objects := p.objects("a.cpp", "b.cpp", "c.cpp")
	target := linkTarget{Name: "lib", Kind: ipc.KindStatic, Output: "build/lib.a", LinkLang: "c++"}
	for _, tt := range []struct {
		what string
		in   []string
		text string
	}{
		{"first", objects[:2], "never linked before"},
		{"one more", objects, objects[2] + " is now linked"},
		{"one less", objects[:2], objects[2] + " is no longer linked"},
		{"another order", []string{objects[1], objects[0]}, "link order changed"},
	} {
		if r := p.link(target, tt.in...); !strings.Contains(r.Reason.Text, tt.text) {
			t.Errorf("%s: %s because of %s, want %s", tt.what, r.Status, r.Reason.Text, tt.text)
		}
	}
}

// TestTimeTrace holds what spans.go says: clang's trace changes neither the object nor
// the key.
func TestTimeTrace(t *testing.T) {
	t.Parallel()
	eitherCompiler(t, "clang", func(t *testing.T, p *project) {
		small(p)
		p.args = append(p.args, "-g")
		if p.tool.Family == "clang" {
			p.tool.Version = "Debian clang version 19.1.7 (3+b1)"
		}
		plain := p.build("src/main.cpp")
		req := p.batch("src/main.cpp")
		req.NoCache, req.Trace, req.TimeTrace = true, true, t.TempDir()
		out, err := p.run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		r := out["src/main.cpp"]
		if r.Status != ipc.StatusCompiled || r.Key != plain.Key || r.Changed {
			t.Errorf("%s, changed %v, key %s, was %s", r.Status, r.Changed, r.Key, plain.Key)
		}
		p.sameAsPlain("src/main.cpp")
		text, err := os.ReadFile(filepath.Join(req.TimeTrace, ipc.TimeTraceFile("app:src/main.cpp")))
		if clang := p.tool.Family == "clang"; clang != (err == nil) || clang && !strings.Contains(string(text), `"Frontend"`) {
			t.Errorf("clang's trace: %v", err)
		}
		var names []string
		for i, s := range r.Spans {
			names = append(names, s.Name)
			if s.Seconds < 0 || i > 0 && s.Start.Before(r.Spans[i-1].Start) {
				t.Errorf("spans: %+v", r.Spans)
			}
		}
		if got := strings.Join(names, " "); got != "lookup wait run store" {
			t.Errorf("spans: %s", got)
		}
	})
}

func TestClangMajor(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{
		"Debian clang version 19.1.7 (3+b1)": 19, "clang version 15.0.0": 15, "g++ (Debian 12.2.0) 12.2.0": 0, "Apple clang version 14.0.3": 14, "": 0,
	} {
		if got := clangMajor(version); got != want {
			t.Errorf("%q: %d", version, got)
		}
	}
}

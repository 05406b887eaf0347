package compilation

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// What has the time of its compile in it is not kept, by whatever way the time came in.
func TestClockByEveryWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		source, header string
		flags          []string
	}{
		"flag":          {source: "const char *f() { return STAMP; }\n", flags: []string{"-DSTAMP=__TIME__"}},
		"pasted":        {source: "#define CAT(a, b) a##b\nconst char *f() { return CAT(__DA, TE__); }\n"},
		"spliced":       {source: "const char *f() { return __TI\\\nME__; }\n"},
		"header's word": {source: "#include \"h.h\"\nconst char *f() { return NOW; }\n", header: "#define NOW __TIME__\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCompiler(t, func(t *testing.T, p *project) {
				p.args = append(p.args, tt.flags...)
				p.write("h.h", tt.header)
				p.write("main.cpp", tt.source)
				p.expect("first", "main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
				p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				p.remove("build")
				p.expect("deleted", "main.cpp", ipc.StatusCompiled, ipc.ReasonUncacheable)
				if st := p.store.Stats(); st.Stored != 0 {
					t.Errorf("%d stored", st.Stored)
				}
			})
		})
	}
}

// A word in a comment, or a time that the environment sets, is no reason not to store.
func TestClockThatIsNotAsked(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.env = append(p.env, "SOURCE_DATE_EPOCH=1000000000")
		p.write("main.cpp", "// __TIME__\nconst char *f() { return __DATE__; }\n")
		p.build("main.cpp")
		p.remove("build")
		p.expect("deleted", "main.cpp", ipc.StatusCached, ipc.ReasonHit)
		p.sameAsPlain("main.cpp")
	})
}

// __TIMESTAMP__ is in the time zone of the request.
func TestTimeZone(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.write("main.cpp", "const char *f() { return __TIMESTAMP__; }\n")
		old := time.Now().Add(-time.Hour)
		check(p, os.Chtimes(p.path("main.cpp"), old, old))
		for _, zone := range []string{"UTC", "Asia/Tokyo", "UTC"} {
			p.env = withVariable(p.env, "TZ", zone)
			p.build("main.cpp")
			p.sameAsPlain("main.cpp")
		}
	})
}

// A precompiled header may hold the word; the compile that uses it asks for the time.
func TestClockInPrecompiledHeader(t *testing.T) {
	t.Parallel()
	tool, installed := toolchains(t)["gcc"]
	if !installed {
		t.Skip("no g++ here")
	}
	p := newProject(t, tool)
	p.write("h.h", "#define NOW __TIME__\n")
	p.write("main.cpp", "#include \"h.h\"\nconst char *f() { return NOW; }\n")
	line := append(append([]string{}, p.args...), "-x", "c++-header", "h.h", "-o", "h.h.gch")
	cmd := exec.CommandContext(t.Context(), p.tool.CXX, line...)
	cmd.Dir = p.root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.build("main.cpp")
	p.remove("build")
	p.expect("deleted", "main.cpp", ipc.StatusCompiled, ipc.ReasonUncacheable)
	if _, err := os.Stat(filepath.Join(p.root, "h.h.gch")); err != nil {
		t.Fatal(err)
	}
}

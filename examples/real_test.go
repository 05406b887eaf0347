package examples_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// realProject is a project of examples/ that is built from Debian's sources.
type realProject struct {
	name   string // its folder in examples/ and in REPLIBUILD_REAL
	units  int
	source edit     // changes the object of one unit
	links  []string // targets linked anew because of source
	header edit     // changes no object
	users  []string // the units that include header, as `clang++ -MM` lists them
	use    func(p *project)
	tests  []test // programs that tests.toml adds
}

// edit appends text to a file.
type edit struct{ file, text string }

// test is a program of the project's own, with what it prints when all is well.
type test struct {
	target string
	args   []string
	want   string
}

var realProjects = []realProject{
	{
		name: "leveldb", units: 40,
		source: edit{"util/coding.cc", "namespace leveldb { int EditedCoding() { return 1; } }\n"},
		links:  []string{"leveldb", "leveldbutil"},
		header: edit{"table/filter_block.h", "// edited\n"},
		users:  []string{"table/filter_block.cc", "table/table.cc", "table/table_builder.cc"},
		use: func(p *project) {
			if out := p.fails("run", "leveldbutil"); !strings.Contains(out, "leveldbutil command") {
				p.t.Errorf("leveldbutil without arguments printed\n%s", out)
			}
		},
		tests: []test{
			{"c_test", nil, "PASS"},
			{"corruption_test", nil, "[  PASSED  ] 12 tests."},
			{"recovery_test", nil, "[  PASSED  ] 7 tests."},
			{"db_bench", []string{"--num=1000", "--benchmarks=fillrandom,readrandom"}, "of 1000 found"},
		},
	},
	{
		name: "fmt", units: 3,
		source: edit{"src/os.cc", "namespace fmt { int edited_os() { return 1; } }\n"},
		links:  []string{"fmt", "tour"},
		header: edit{"include/fmt/os.h", "// edited\n"},
		users:  []string{"src/os.cc"},
		use: func(p *project) {
			if out := p.run("run", "tour"); !strings.Contains(out, `{"one": 1, "two": 2}`) {
				p.t.Errorf("the tour printed\n%s", out)
			}
		},
		tests: []test{
			{"core_test", nil, "[  PASSED  ] 60 tests."},
			{"args_test", nil, "[  PASSED  ] 12 tests."},
		},
	},
	{
		name: "yaml-cpp", units: 32,
		source: edit{"src/tag.cpp", "namespace YAML { int edited_tag() { return 1; } }\n"},
		links:  []string{"yaml-cpp", "parse"},
		header: edit{"src/collectionstack.h", "// edited\n"},
		users:  []string{"src/singledocparser.cpp"},
		use: func(p *project) {
			p.write("in.yaml", "a: [1, 2, 3]\nb: {c: d}\n")
			if out := p.run("run", "parse", "--", p.path("in.yaml")); !strings.HasSuffix(out, "a: [1, 2, 3]\nb: {c: d}\n") {
				p.t.Errorf("parse printed\n%s", out)
			}
		},
		tests: []test{{"yaml-cpp-tests", nil, "[  PASSED  ] 114 tests."}},
	},
}

// TestRealProjects builds each project through its own daemons: cold, warm, after
// an edit of a source, after an edit of a header that leaves every object equal,
// and with the project's own tests added, which are then run. They are built
// without optimisation, which is quicker, and without debug information, in which
// clang writes down the digest of every header.
func TestRealProjects(t *testing.T) {
	t.Parallel()
	real := fetched(t)
	exe := buildProgram(t)
	for _, r := range realProjects {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(openReal(t, exe, real, r))
		})
	}
}

// TestGoogleTest reads the configuration of the one project that only the benchmark
// builds: a cold build of it costs as much as those of the others together.
func TestGoogleTest(t *testing.T) {
	t.Parallel()
	real := fetched(t)
	p := openReal(t, buildProgram(t), real, realProject{name: "googletest"})
	p.run("config", "check")
	if out := p.run("config", "show"); !strings.Contains(out, "4 targets, 29 units") {
		t.Errorf("the configuration comes to\n%s", out)
	}
}

// fetched is the folder that fetch.sh filled.
func fetched(t *testing.T) string {
	t.Helper()
	real := os.Getenv("REPLIBUILD_REAL")
	if real == "" {
		t.Skip("REPLIBUILD_REAL is not set: `make real` fetches the projects, `make test` sets it")
	}
	if why, err := os.ReadFile(filepath.Join(real, "NOT_FETCHED")); err == nil {
		t.Skipf("the projects could not be fetched: %s", why)
	}
	return real
}

func (r realProject) check(p *project) {
	cold := p.compile()
	cold.expect(p.t, "the cold build", r.units, 0)
	p.compile().expect(p.t, "the warm build", 0, r.units)
	r.use(p)

	p.append(r.source.file, r.source.text)
	edited := p.compile()
	edited.expect(p.t, "the edit of "+r.source.file, 1, r.units-1)
	expectNames(p.t, "compiled after the edit of "+r.source.file, edited.compiled, []string{r.source.file})
	expectNames(p.t, "linked after the edit of "+r.source.file, edited.linked, r.links)

	p.append(r.header.file, r.header.text)
	cut := p.compile()
	cut.expect(p.t, "the edit of "+r.header.file, len(r.users), r.units-len(r.users))
	expectNames(p.t, "compiled after the edit of "+r.header.file, cut.compiled, r.users)
	expectNames(p.t, "linked though no object differs", cut.linked, nil)

	r.addTests(p)
	for _, test := range r.tests {
		if out := p.run(append([]string{"run", test.target, "--"}, test.args...)...); !strings.Contains(out, test.want) {
			p.t.Errorf("%s does not print %q but\n%s", test.target, test.want, out)
		}
	}
}

// addTests appends the project's tests.toml. Its new targets must not make any of
// the old units compile again.
func (r realProject) addTests(p *project) {
	tests, err := os.ReadFile(filepath.Join(r.name, "tests.toml"))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.append("replibuild.toml", string(tests))
	added := p.compile()
	if added.finished.Cached != r.units || added.finished.Compiled == 0 {
		p.t.Errorf("with the tests added: %d compiled, %d cached; want all %d old units cached",
			added.finished.Compiled, added.finished.Cached, r.units)
	}
}

// openReal copies a fetched project, GoogleTest where its tests look for it, and
// the files that examples/ has for it.
func openReal(t *testing.T, exe, real string, r realProject) *project {
	source := filepath.Join(real, r.name)
	if _, err := os.Stat(source); err != nil {
		t.Skipf("%s has not been fetched: %v", r.name, err)
	}
	p := newProject(t, exe, r.name)
	p.copy(source, ".")
	if _, err := os.Stat(filepath.Join(r.name, "tests.toml")); err == nil {
		p.copy(filepath.Join(real, "googletest", "googletest"), "third_party/googletest/googletest")
		p.copy(filepath.Join(real, "googletest", "googlemock"), "third_party/googletest/googlemock")
	}
	for _, pattern := range []string{"replibuild.toml", "*.sh", "*.cc"} {
		files, _ := filepath.Glob(filepath.Join(r.name, pattern))
		for _, f := range files {
			p.write(filepath.Base(f), read(t, f))
		}
	}
	p.replace("replibuild.toml", `optimization = "2"`, "optimization = \"0\"\ndebug = false")
	return p
}

// built is what the events of one build said.
type built struct {
	finished ipc.BuildFinished
	compiled []string // files
	why      []string // the reason for each of them
	linked   []string // targets
}

func (b built) expect(t *testing.T, what string, compiled, cached int) {
	t.Helper()
	if !b.finished.OK || b.finished.Compiled != compiled || b.finished.Cached != cached {
		t.Errorf("%s: ok %v, %d compiled, %d cached; want %d and %d; compiled because of:\n  %s",
			what, b.finished.OK, b.finished.Compiled, b.finished.Cached, compiled, cached, strings.Join(b.why, "\n  "))
	}
}

func expectNames(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

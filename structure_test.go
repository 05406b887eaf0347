package replibuild_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goPackage is what `go list -json` says of one package.
type goPackage struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
	Standard   bool
}

const modulePath = "github.com/RepliBuild/replibuild"

// arrows lists what each package of ours may import of ours; the design's house,
// one line a room. A folder's internal/ packages count as the folder.
var arrows = map[string][]string{
	"":                         {"cache", "daemons", "daemons/compilation", "daemons/config", "daemons/discovery", "daemons/orchestrator", "daemons/setup", "daemons/setup/buildsystem", "daemons/setup/ninjabuild", "internal/atomicfile", "internal/caller", "internal/environment", "internal/jobserver", "internal/pause", "internal/stamps", "internal/userconfig", "internal/words", "ipc", "remotecache"},
	"ipc":                      {"internal/editdistance"},
	"internal/caller":          {"ipc"},
	"cache":                    {},
	"internal/editdistance":    {},
	"internal/environment":     {"ipc"},
	"internal/eta":             {},
	"internal/gcc":             {},
	"internal/rootid":          {"ipc"},
	"internal/stamps":          {"ipc"},
	"internal/termtext":        {},
	"internal/testkit":         {},
	"internal/atomicfile":      {},
	"internal/filelock":        {},
	"internal/jobserver":       {},
	"internal/lazyregexp":      {},
	"internal/pause":           {},
	"internal/tomlplace":       {},
	"internal/tomlvalue":       {},
	"internal/userconfig":      {"internal/editdistance", "internal/tomlplace", "internal/tomlvalue", "ipc", "remotecache"},
	"remotecache":              {"internal/atomicfile", "internal/remotewire"},
	"internal/remotewire":      {},
	"internal/remotehelper":    {"internal/remotewire"},
	"internal/remotefake":      {},
	"internal/typecheck":       {},
	"internal/words":           {"internal/environment", "internal/lazyregexp", "internal/termtext", "ipc"},
	"daemons":                  {"daemons/config", "internal/atomicfile", "internal/caller", "internal/filelock", "internal/pause", "internal/rootid", "ipc"},
	"daemons/config":           {"internal/editdistance", "internal/tomlplace", "internal/tomlvalue", "ipc"},
	"daemons/discovery":        {"internal/atomicfile", "internal/pause", "internal/rootid", "internal/stamps", "internal/words", "ipc"},
	"daemons/setup":            {"internal/atomicfile", "internal/editdistance", "internal/environment", "internal/gcc", "internal/lazyregexp", "internal/rootid", "internal/stamps", "internal/tomlplace", "internal/tomlvalue", "ipc", "remotecache"},
	"daemons/setup/ninjabuild": {"daemons/setup", "internal/editdistance", "internal/filelock", "internal/jobserver", "internal/words", "ipc"},
	"daemons/compilation":      {"cache", "internal/atomicfile", "internal/caller", "internal/environment", "internal/filelock", "internal/gcc", "internal/lazyregexp", "internal/pause", "internal/rootid", "internal/stamps", "internal/termtext", "internal/userconfig", "internal/words", "ipc", "remotecache"},
	"daemons/orchestrator":     {"internal/atomicfile", "internal/editdistance", "internal/environment", "internal/filelock", "internal/pause", "internal/rootid", "internal/words", "ipc"},
	"tui":                      {"daemons", "internal/eta", "internal/pause", "internal/termtext", "internal/words", "ipc"},
	"tui/quiet":                {},
	"examples":                 {},
	"examples/realworld":       {},
	"screenshots/animate":      {"tui"},
	"bench":                    {"", "internal/pause", "ipc"},
	"oracle":                   {"", "ipc"},
	"cmd/internal/cli":         {"", "cache", "daemons", "daemons/config", "daemons/setup/ninjabuild", "examples", "internal/atomicfile", "internal/caller", "internal/editdistance", "internal/eta", "internal/lazyregexp", "internal/termtext", "internal/words", "ipc", "tui", "tui/quiet"},
	"cmd/man":                  {"cmd/internal/cli", "tui/quiet"},
	"cmd/replibuild-remote":    {"internal/remotehelper"},
	"cmd/replibuild":           {"cmd/internal/cli", "tui/quiet"},

	"daemons/setup/buildsystem": {"daemons/setup", "internal/atomicfile", "internal/filelock", "internal/lazyregexp", "internal/pause", "ipc"},
}

// onlyStandard are the packages that import the standard library and x/sys only.
var onlyStandard = []string{"ipc", "cache", "remotecache"}

func TestArrows(t *testing.T) {
	t.Parallel()
	for _, p := range ourPackages(t) {
		room := room(p.ImportPath)
		allowed, known := arrows[room]
		if !known {
			t.Errorf("%s has no place in the design's house: add it to design and to this table, or move it", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			checkArrow(t, p, room, allowed, imp)
		}
	}
}

// gRPC is in the program for remote caches only: it would make the start of replibuild slower
// and the program larger.
func TestOnlyTheRemoteProgramHasGRPC(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]bool{"./cmd/replibuild": false, "./cmd/replibuild-remote": true} {
		out, err := exec.Command("go", "list", "-deps", program).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if has := bytes.Contains(out, []byte("google.golang.org/")); has != want {
			t.Errorf("%s imports gRPC or its messages: %v", program, has)
		}
	}
}

func checkArrow(t *testing.T, p goPackage, from string, allowed []string, imp string) {
	t.Helper()
	if imp == modulePath || strings.HasPrefix(imp, modulePath+"/") {
		if to := room(imp); to != from && !slices.Contains(allowed, to) {
			t.Errorf("new arrow: %s imports %s", p.ImportPath, imp)
		}
		return
	}
	thirdParty := strings.Contains(strings.Split(imp, "/")[0], ".")
	if thirdParty && slices.Contains(onlyStandard, from) && !strings.HasPrefix(imp, "golang.org/x/sys/") {
		t.Errorf("%s imports %s: only the standard library and golang.org/x/sys may be used there", p.ImportPath, imp)
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range ourPackages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no doc comment", p.ImportPath)
		}
	}
}

// room is a package's place in the house: its path in the module, internal/ cut off.
func room(importPath string) string {
	rel := strings.TrimPrefix(strings.TrimPrefix(importPath, modulePath), "/")
	if rel == "cmd/internal/cli" {
		return rel
	}
	if i := strings.Index(rel+"/", "/internal/"); i >= 0 {
		rel = rel[:i]
	}
	return rel
}

func ourPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

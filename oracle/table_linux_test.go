package oracle

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile(`\b([a-z]+)\.((?:Test|Fuzz)[A-Za-z0-9]+)`)
	scriptName = regexp.MustCompile(`\b[a-z_]+\.txtar\b`)
)

// packages are where the tests of the table lie.
var packages = map[string]string{
	"cache": "cache", "ipc": "ipc", "daemons": "daemons", "discovery": "daemons/discovery", "setup": "daemons/setup",
	"compilation": "daemons/compilation", "preload": "daemons/compilation/internal/preload", "orchestrator": "daemons/orchestrator",
	"oracle": "oracle", "stamps": "internal/stamps", "rootid": "internal/rootid", "caller": "internal/caller",
}

// Every row of the table of hazards names tests that are there, or a reason.
func TestHazardTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 73 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		tests, scripts := testName.FindAllStringSubmatch(row[0], -1), scriptName.FindAllString(row[0], -1)
		if len(tests)+len(scripts) == 0 && !strings.Contains(row[0], "not tested: ") {
			t.Errorf("row %s names neither a test nor a reason", row[1])
		}
		for _, m := range tests {
			if !hasTest(t, packages[m[1]], m[2]) {
				t.Errorf("row %s: there is no %s", row[1], m[0])
			}
		}
		for _, s := range scripts {
			if _, err := os.Stat("../cmd/replibuild/testdata/script/" + s); err != nil {
				t.Errorf("row %s: %v", row[1], err)
			}
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if dir != "" && strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

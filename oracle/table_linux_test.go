package oracle

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile(`\b([a-z]+)\.((?:Test|Fuzz)[A-Za-z0-9]+)`)
	scriptName = regexp.MustCompile(`\b[a-z_]+\.txtar\b`)
)

// testFolders are the folders with tests, by their names, which are those of packages. The folder
// of the checkout may have any name.
func testFolders(t *testing.T) map[string][]string {
	t.Helper()
	folders := map[string][]string{"replibuild": {".."}}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			dir := filepath.Dir(path)
			if name := filepath.Base(dir); !slices.Contains(folders[name], dir) {
				folders[name] = append(folders[name], dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
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
	folders := testFolders(t)
	for _, row := range rows {
		tests, scripts := testName.FindAllStringSubmatch(row[0], -1), scriptName.FindAllString(row[0], -1)
		if len(tests)+len(scripts) == 0 && !strings.Contains(row[0], "not tested: ") {
			t.Errorf("row %s names neither a test nor a reason", row[1])
		}
		for _, m := range tests {
			if !hasTest(t, folders[m[1]], m[2]) {
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

// hasTest reports whether one of the folders has a test.
func hasTest(t *testing.T, folders []string, name string) bool {
	t.Helper()
	for _, dir := range folders {
		files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc "+name+"(") {
				return true
			}
		}
	}
	return false
}

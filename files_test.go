package replibuild_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fileName matches a source file, with folders or without. NAME in one stands for any name.
var fileName = regexp.MustCompile(`[A-Za-z0-9_./-]*[A-Za-z0-9_]\.(go|c|sh)\b`)

// sourceFiles returns the files of the repository, as git knows them or would add them.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("this is no git repository: %v", err)
	}
	var files []string
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
		}
	}
	return files
}

// isThere reports whether a file is among files by its path or the end of its path.
func isThere(files []string, name string) bool {
	return slices.ContainsFunc(files, func(f string) bool { return f == name || strings.HasSuffix(f, "/"+name) })
}

// ARCHITECTURE.md names files that exist, and the pages that docs/ has.
func TestArchitectureNamesFilesThatExist(t *testing.T) {
	t.Parallel()
	files := sourceFiles(t)
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, quoted := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(string(text), -1) {
		if name := quoted[1]; fileName.FindString(name) == name && !isThere(files, name) {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+\.md)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(files, path.Clean(link[1])) {
			t.Errorf("ARCHITECTURE.md links to %s, which does not exist", link[1])
		}
	}
}

// The comment of a package names files that exist: its own, or others by their folder.
func TestPackageCommentsNameFilesThatExist(t *testing.T) {
	t.Parallel()
	files := sourceFiles(t)
	for _, file := range files {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil || parsed.Doc == nil {
			continue
		}
		for _, name := range filesIn(parsed.Doc) {
			if strings.Contains(name, "NAME") {
				continue
			}
			own := filepath.ToSlash(filepath.Join(filepath.Dir(file), name))
			if !slices.Contains(files, own) && !(strings.Contains(name, "/") && isThere(files, name)) {
				t.Errorf("%s: the package comment names %s, which does not exist", file, name)
			}
		}
	}
}

// filesIn returns the files that a comment names.
func filesIn(comment *ast.CommentGroup) []string {
	return fileName.FindAllString(comment.Text(), -1)
}

package replibuild_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/userconfig"
	"github.com/RepliBuild/replibuild/ipc"
)

// tableKeys returns the words in backticks that begin the rows of a page's tables.
func tableKeys(t *testing.T, page string) []string {
	t.Helper()
	return sectionKeys(t, page, "")
}

// sectionKeys are the keys in the tables of one section of a page, "" = of all.
func sectionKeys(t *testing.T, page, section string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("docs", page))
	if err != nil {
		t.Fatal(err)
	}
	if section != "" {
		_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
		if !found {
			t.Fatalf("docs/%s has no section %s", page, section)
		}
		rest, _, _ = strings.Cut(rest, "\n## ")
		text = []byte(rest)
	}
	var keys []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		keys = append(keys, m[1])
	}
	return keys
}

// docs/errors.md has a row for every code of ipc, and no other.
func TestErrorCodesAreDocumented(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "ipc/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			code, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			codes = append(codes, code)
		}
		return true
	})
	documented := tableKeys(t, "errors.md")
	slices.Sort(codes)
	slices.Sort(documented)
	if !slices.Equal(codes, documented) {
		t.Errorf("docs/errors.md lists %v\nipc/errors.go has %v", documented, codes)
	}
}

// docs/configuration.md has a row for every key of daemon_config.toml with its
// default.
func TestDaemonSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	documented := tableKeys(t, "configuration.md")
	var known []string
	for _, s := range (config.Config{}).Settings() {
		known = append(known, s.Key)
		if !slices.Contains(documented, s.Key) {
			t.Errorf("docs/configuration.md does not know %s (%s)", s.Key, s.Doc)
		}
	}
	for _, key := range documented {
		if (strings.HasPrefix(key, "daemons.") || strings.HasPrefix(key, "security.")) && !slices.Contains(known, key) {
			t.Errorf("docs/configuration.md has %s, which is no key of daemon_config.toml", key)
		}
	}
}

// docs/configuration.md has a row for every key of config.toml and no other.
func TestUserKeysAreDocumented(t *testing.T) {
	t.Parallel()
	documented := sectionKeys(t, "configuration.md", "config.toml")
	var text strings.Builder
	for _, table := range []string{"cache", "remotes.URL"} {
		fmt.Fprintf(&text, "[%s]\nzzzzzzzzzz = 1\n", strings.Replace(table, "URL", `"grpc://h:1"`, 1))
		for _, key := range documented {
			if name, ok := strings.CutPrefix(key, table+"."); ok {
				fmt.Fprintf(&text, "%s = 1\n", name)
			}
		}
	}
	home := t.TempDir()
	if err := os.WriteFile(userconfig.Path(home), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := userconfig.Load(home)
	var e *ipc.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	for _, p := range e.Problems {
		switch unknown, ok := strings.CutPrefix(p.Message, "unknown key "); {
		case !ok:
		case !strings.HasSuffix(unknown, ".zzzzzzzzzz"):
			t.Errorf("docs/configuration.md has %s, which is no key of config.toml", unknown)
		default:
			_, names, _ := strings.Cut(p.Suggestion, ": ")
			table := strings.Replace(strings.TrimSuffix(unknown, ".zzzzzzzzzz"), `"grpc://h:1"`, "URL", 1)
			for name := range strings.SplitSeq(names, ", ") {
				if !slices.Contains(documented, table+"."+name) {
					t.Errorf("docs/configuration.md does not know %s.%s", table, name)
				}
			}
		}
	}
}

// Every key of replibuild.toml that docs/configuration.md lists is known, and every
// key that a mistake's suggestion names is listed.
func TestProjectKeysAreDocumented(t *testing.T) {
	t.Parallel()
	documented := sectionKeys(t, "configuration.md", "replibuild.toml")
	tables := []string{"project", "build", "compilation", "output", "dependencies", "targets.a", "generate", "cache", "remote"}
	known := make(map[string][]string)
	var toml strings.Builder
	for _, table := range tables {
		header := "[" + table + "]"
		if table == "generate" {
			header = "[[generate]]"
		}
		toml.WriteString(header + "\nzzzzzzzzzz = 1\n")
		for _, key := range documented {
			if name, ok := strings.CutPrefix(strings.Replace(key, "targets.NAME", "targets.a", 1), table+"."); ok && !strings.Contains(name, ".") && !slices.Contains(known[table], name) {
				known[table] = append(known[table], name)
				toml.WriteString(name + " = 1\n") // a wrong type at worst, never an unknown key
			}
		}
	}
	unknown, suggested := unknownKeys(t, toml.String())
	if len(unknown) != len(tables) {
		t.Errorf("docs/configuration.md lists keys that are unknown: %v", unknown)
	}
	for table, names := range suggested {
		for _, name := range names {
			if !slices.Contains(known[table], name) && !slices.Contains([]string{"linux", "macos", "windows"}, name) && !slices.Contains(known["compilation"], name) {
				t.Errorf("docs/configuration.md does not list %s.%s", table, name)
			}
		}
	}
}

// Every file that ARCHITECTURE.md or a package's doc.go names is there.
func TestNamedFilesAreThere(t *testing.T) {
	t.Parallel()
	there, pages := map[string]bool{}, []string{"ARCHITECTURE.md"}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		there[filepath.Base(path)] = true
		if filepath.Base(path) == "doc.go" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:^|[\s(\x60/])([a-z][a-z0-9_]*\.(?:go|c|sh|txtar))\b`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if !there[m[1]] {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

// unknownKeys validates a replibuild.toml and returns the keys it calls unknown, and
// for zzzzzzzzzz of each table the keys that it names instead.
func unknownKeys(t *testing.T, toml string) (unknown []string, suggested map[string][]string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "replibuild.toml"), []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := replibuild.Open(dir, replibuild.Options{Env: append(os.Environ(), "REPLIBUILD_HOME="+filepath.Join(dir, "home"))})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := p.Validate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	suggested = make(map[string][]string)
	for _, problem := range reply.Problems {
		key, ok := strings.CutPrefix(problem.Message, "unknown key ")
		if !ok {
			continue
		}
		unknown = append(unknown, key)
		table, isProbe := strings.CutSuffix(key, ".zzzzzzzzzz")
		names, listed := strings.CutPrefix(problem.Suggestion, "known keys: ")
		if isProbe && listed {
			table, _, _ = strings.Cut(table, "[")
			suggested[table] = strings.Split(strings.TrimSuffix(names, ", …"), ", ")
		}
	}
	if len(suggested) == 0 {
		t.Fatalf("no mistake was reported with the keys that are known: %v", reply.Problems)
	}
	return unknown, suggested
}

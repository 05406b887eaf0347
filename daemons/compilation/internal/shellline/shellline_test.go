package shellline

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTransparent(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"gcc -c a.c -o a.o":                         true,
		": && /usr/bin/c++ -O2 a.o -o a && :":       true,
		"cd sub && ../tool --x=1,2 'a b' >out 2>&1": true,
		"A=1 B=x/y tool":                            true,
		"tool; other\nthird":                        true,
		"echo \"two words\" > f":                    true,
		"exec tool a":                               true,
		"tool >>log 2>/dev/null <in":                true,
		"\n\ntool":                                  true,
		"tool;":                                     true,

		"":                      true,
		"tool $X":               false,
		"tool \"$X\"":           false,
		"tool `x`":              false,
		"tool a\\ b":            false,
		"tool *.c":              false,
		"tool [a]":              false,
		"tool a?":               false,
		"tool ~/x":              false,
		"tool {a,b}":            false,
		"X=1":                   false,
		"X=1; tool":             false,
		"cd":                    false,
		"cd -":                  false,
		"cd -P x":               false,
		"export A=1 && tool":    false,
		"eval tool":             false,
		". ./x.sh":              false,
		"if true; then :; fi":   false,
		"tool | other":          false,
		"tool & other":          false,
		"tool || other":         false,
		"(tool)":                false,
		"tool <<E":              false,
		"tool # comment":        false,
		"! tool":                false,
		"'tool' x":              false,
		"test -v X":             false,
		"printf %s x":           false,
		"tool &&":               true, // a mistake in every environment
		"&& tool":               false,
		"tool >&x":              false,
		"tool 'open":            false,
		"read x":                false,
		"tool \"bang!\"":        false,
		"tool a!b":              false,
		"set -x && tool":        false,
		"exec >x":               false,
		"type tool":             false,
		"trap 'x' EXIT && tool": false,
	} {
		if _, got := Transparent(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	if reads, _ := Transparent("cd a && b"); !slices.Contains(reads, "CDPATH") {
		t.Errorf("cd reads %v", reads)
	}
}

// FuzzTransparent runs lines that are said to be transparent in environments that differ in
// all but what is said to be read: they must do the same.
func FuzzTransparent(f *testing.F) {
	var shells []string
	for _, name := range []string{"dash", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			shells = append(shells, path)
		}
	}
	if len(shells) == 0 {
		f.Skip("no shell here")
	}
	for _, line := range []string{
		": && tool a b && :", "cd ./sub && tool x >out 2>&1", "A=1 tool", "echo 'a b' > f; cat f", "exec tool 1\n", "tool >>o <in 2>e",
		"echo -n a\"b\"c", "tool a2>x", "echo a=b %1 @x", "tool;", "false && tool", "A=b B=c echo x", "tool\ttab", "if=x tool", "cd ./sub && echo a",
	} {
		f.Add(line, "X", "1")
	}
	f.Fuzz(func(t *testing.T, line, name, value string) {
		reads, ok := Transparent(line)
		if strings.Contains(strings.ReplaceAll(line, "./sub", ""), "/") || strings.Contains(line, "..") {
			return // nothing outside of the test's folder may run or be written
		}
		if !ok || strings.ContainsAny(line+name+value, "\x00") || len(line) > 200 || !isAssignment(name+"=") || readBy(reads, name) {
			return
		}
		for _, shell := range shells {
			plain := outcome(t, shell, line)
			other := outcome(t, shell, line, name+"="+value, "IFS=l", "HOME=/other", "a=b", "tool=x", "PS4=z", "ENV=./rc", "OLDPWD=/", "CDPATH_=x", "X=*")
			if plain != other {
				t.Errorf("%s -c %q: %q, with %s=%q %q", shell, line, plain, name, value, other)
			}
		}
	})
}

// readBy reports variables that count for every shell, and those that a line is said to read.
func readBy(reads []string, name string) bool {
	for _, pattern := range append(slices.Clone(reads), "PATH", "LC_*", "LANG*", "LD_*", "GLIBC_TUNABLES", "PWD", "MALLOC_*", "TZ*", "LOCPATH", "NLSPATH") {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// outcome is all that a line does in a new folder.
func outcome(t *testing.T, shell, line string, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bin/tool": "#!" + shell + "\nprintf '%s|' \"$0\" \"$@\"\n", "sub/x": "", "in": "text", "rc": "echo rc",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), shell, "-c", line)
	cmd.Dir, cmd.Env = dir, append(env, "PATH="+filepath.Join(dir, "bin"), "PWD="+dir)
	out, err := cmd.CombinedOutput()
	result := string(out)
	if err != nil {
		result += " " + err.Error()
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			result += "\n" + path + ": " + string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(result, dir, "DIR")
}

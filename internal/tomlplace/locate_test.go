package tomlplace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	const text = `# comment
top = 1
[a]
b.c = "x"   # "quoted" = [
 list = [ 1, [2, "]"],
   # inside
   { k = 'v', "q.q" = """
two "lines" \""" """ } ]
[[t]]
x = 1
[t.sub]
y = 2
[[t]]
  x = 3
  [[t.deep]]
  z = 2020-01-01T00:00:00Z
"é" = true
[ "a" . 'd' ]
`
	marks := Locate(text)
	want := map[string][2]string{ // key and value
		"top":              {"2:1", "2:7"},
		"a":                {"3:1", "3:1"},
		"a.b":              {"4:1", "4:1"},
		"a.b.c":            {"4:3", "4:7"},
		"a.list":           {"5:2", "5:9"},
		"a.list[0]":        {"5:11", "5:11"},
		"a.list[1]":        {"5:14", "5:14"},
		"a.list[1][1]":     {"5:18", "5:18"},
		"a.list[2]":        {"7:4", "7:4"},
		"a.list[2].k":      {"7:6", "7:10"},
		`a.list[2]."q.q"`:  {"7:15", "7:23"},
		"t":                {"9:1", "9:1"},
		"t[0].x":           {"10:1", "10:5"},
		"t[0].sub.y":       {"12:1", "12:5"},
		"t[1]":             {"13:1", "13:1"},
		"t[1].x":           {"14:3", "14:7"},
		"t[1].deep[0].z":   {"16:3", "16:7"},
		`t[1].deep[0]."é"`: {"17:1", "17:8"},
		"a.d":              {"18:1", "18:1"},
	}
	got := map[string][2]string{}
	for path, m := range marks {
		got[path.String()] = [2]string{fmt.Sprintf("%d:%d", m.Key.Line, m.Key.Column), fmt.Sprintf("%d:%d", m.Value.Line, m.Value.Column)}
	}
	for path, places := range want {
		if got[path] != places {
			t.Errorf("%s: %v, want %v", path, got[path], places)
		}
	}
	checkLocated(t, text)
}

// checkLocated fails unless every key and element that the library decodes has a
// place in the text, at which a key looks like itself.
func checkLocated(t *testing.T, text string) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return
	}
	marks := Locate(text)
	lines := strings.Split(text, "\n")
	var walk func(path Path, v any)
	walk = func(path Path, v any) {
		if path != "" {
			m, ok := marks[path]
			if !ok {
				t.Fatalf("no place for %s in %q", path, text)
			}
			for _, p := range []Position{m.Key, m.Value} {
				if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
					t.Fatalf("%s is placed at %v, outside of %q", path, p, text)
				}
			}
		}
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(path.Item(i), item)
			}
		case []map[string]any:
			for i, item := range v {
				walk(path.Item(i), item)
			}
		case map[string]any:
			for key, item := range v {
				walk(path.Child(key), item)
			}
		}
	}
	walk("", tree)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	places := Locate("[a]\nb = 1\n")
	if at := places.Nearest(Path("").Child("a").Child("c").Item(3)); at.Key != (Position{1, 1}) {
		t.Errorf("what is missing in [a]: %v", at)
	}
	if at := places.Nearest(Path("").Child("x")); at != (Mark{}) {
		t.Errorf("a key of no table: %v", at)
	}
}

func TestSyntaxError(t *testing.T) {
	t.Parallel()
	const text = "a = 1\nb =\nc = 2\n"
	_, err := toml.Decode(text, &map[string]any{})
	if message, at := SyntaxError(text, err); at.Line != 2 || message == "" {
		t.Errorf("%q at %v", message, at)
	}
}

func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n[b]\nc = [1, {d = 2}]\n", "[[a]]\n[[a.b]]\nx='y'\n[a.c]\n", "a.\"b c\".d = '''x'''''\n", "x = \"\"\"a\\\"\"\"\"\"\n",
		"\xEF\xBB\xBFa = 1", "a = { b = [ { c = 1 }, { c = 2 } ] }", "\"\\u00e9\" = 1\r\nb = [\r\n1,\r\n]", "[a.b]\n[a]\nc = 1\n[a.d]\n",
		"a = 07:32:00\nb = -inf\nc = 0x_f", "'' = 1\n\"\".x = 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkLocated(t, text) })
}

package environment

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the lists into docs/environment.md")

// docs/environment.md has the lists of this package.
func TestPage(t *testing.T) {
	t.Parallel()
	const page = "../../docs/environment.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for _, list := range []struct{ before, after string }{
		{"ninja that runs RepliBuild:", "\n- `PWD`"}, {"name depends on it all the same.\n", "\n## Whose"}, {"libraries are found \\(", "\\) and on\n"},
	} {
		var names []string
		switch list.after {
		case "\n- `PWD`":
			names = Normalised()
		case "\n## Whose":
			names = Session()
		default:
			names = ofPlans
		}
		at := regexp.MustCompile("(?s)" + list.before + ".*?" + list.after)
		if !at.MatchString(want) {
			t.Fatalf("%s has no place for %q", page, list.before)
		}
		before, after := strings.ReplaceAll(list.before, "\\", ""), strings.ReplaceAll(list.after, "\\", "")
		body := "`" + strings.Join(names, "`, `") + "`"
		switch after {
		case "\n- `PWD`":
			body = "\n  " + body + "."
		case "\n## Whose":
			body = "\n" + body + ".\n"
		}
		want = at.ReplaceAllLiteralString(want, before+body+after)
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the package says: run go test ./internal/environment -run Page -update", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

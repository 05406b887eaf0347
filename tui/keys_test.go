package tui

import (
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

const keysPage = "../docs/keys.md"

// The page, the help and the footer are made from the key table.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	if *updateGoldens {
		if err := os.WriteFile(keysPage, []byte(KeysPage()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	page, err := os.ReadFile(keysPage)
	if err != nil || string(page) != KeysPage() {
		t.Errorf("docs/keys.md does not say what the key table says: run go test ./tui -run Keys -update (%v)", err)
	}
}

func TestKeysHelpShowsAll(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 100, 80, Settings{})
	all := strings.Join(helpLines(m, 200, ""), "\n")
	for _, b := range m.keys.All {
		if !strings.Contains(all, b.Long) || !strings.Contains(all, strings.Join(b.Keys, " ")) {
			t.Errorf("the help leaves out %s", b.Action)
		}
		if b.do == nil || b.Long == "" || b.Group == "" {
			t.Errorf("%s is not complete", b.Action)
		}
	}
}

// Every action of a footer has a word for it, and every key finds its action.
func TestKeysFooter(t *testing.T) {
	t.Parallel()
	k, err := NewKeymap(nil)
	if err != nil {
		t.Fatal(err)
	}
	for p := PaneDaemons; p < paneEnd; p++ {
		for _, a := range footer(p) {
			b := k.Named(a)
			if b.Action != a || b.Short == "" {
				t.Errorf("footer of %s: %s has no short name", p, a)
			}
			if found, ok := k.Find(k.Key(a), p); !ok || found.Action != a {
				t.Errorf("footer of %s: %s is done by another key than it says", p, a)
			}
		}
	}
}

func TestKeysRemap(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 160, 30, Settings{Keys: map[string][]string{"zoom": {"F"}, "freeze": {}}})
	m.press("F")
	if !m.arrange.Zoom {
		t.Error("the new key does not zoom")
	}
	if m.press("z"); !m.arrange.Zoom {
		t.Error("the old key still zooms")
	}
	m.press("3")
	m.wantText(t, "F zoom")
}

func TestKeysRemapMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[keys]\nbulid = [\"b\"]\n":    "no such action",
		"[keys]\nbuild = [\"q\"]\n":    "is the key of both",
		"colour = \"red\"\n":           "no setting colour",
		"theme = \"solarised\"\n":      "no theme",
		"theme = 3\n":                  "theme",
		"[keys]\nbuild = [\"unclosed ": "line 2",
	} {
		path := t.TempDir() + "/tui.toml"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSettings(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
	if _, err := LoadSettings(t.TempDir() + "/missing.toml"); err != nil {
		t.Errorf("a missing file: %v", err)
	}
}

// The search of the help leaves out groups without a match, and nothing of a text is cut.
func TestHelpSearch(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet())
	text := func(w int, search string) string { return ansi.Strip(strings.Join(helpLines(m, w, search), "\n")) }
	if got := text(96, "auto_build"); strings.Count(got, "\n") != 1 || !strings.Contains(got, groupBuild) || !strings.Contains(got, "while the dashboard runs") {
		t.Errorf("auto_build:\n%s", got)
	}
	if got := text(96, "zzzz"); !strings.Contains(got, "no key does that") || strings.Contains(got, groupMove) {
		t.Errorf("zzzz:\n%s", got)
	}
	for _, w := range []int{36, 60, 96} {
		if got := text(w, ""); strings.Contains(got, "…") {
			t.Errorf("at width %d something is cut:\n%s", w, got)
		}
	}
}

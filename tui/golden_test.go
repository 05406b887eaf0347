package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateGoldens = flag.Bool("update", false, "write goldens and docs/keys.md anew")

// checkGolden compares with a file of testdata/golden. Escapes are written as "␛" so
// that the files can be read.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	got = strings.ReplaceAll(got, "\x1b", "␛") + "\n"
	if *updateGoldens {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run go test ./tui -run Golden -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the golden; if that is meant, run go test ./tui -run Golden -update\n%s", name, got)
	}
}

var goldenSizes = [...][2]int{{40, 10}, {80, 24}, {120, 36}, {200, 60}}

// looks are the ways in which a screen may look; NO_COLOR has no themes.
var looks = []struct {
	name  string
	theme string
	env   []string
}{{"dark", "dark", nil}, {"light", "light", nil}, {"nocolor", "dark", []string{"NO_COLOR=1"}}}

func TestGoldenPanes(t *testing.T) {
	t.Parallel()
	for p := PaneDaemons; p < paneEnd; p++ {
		for _, size := range goldenSizes {
			for _, look := range looks {
				name := fmt.Sprintf("%s-%dx%d-%s", p, size[0], size[1], look.name)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					m := sampleModel(t, size[0], size[1], Settings{Theme: look.theme}, look.env...)
					m.press(fmt.Sprint(int(p)), "z")
					checkFrame(t, m, size[0], size[1])
					checkGolden(t, name, m.View())
				})
			}
		}
	}
}

func TestGoldenScreens(t *testing.T) {
	t.Parallel()
	for _, size := range goldenSizes[1:] {
		for _, look := range looks {
			name := fmt.Sprintf("screen-%dx%d-%s", size[0], size[1], look.name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := sampleModel(t, size[0], size[1], Settings{Theme: look.theme}, look.env...)
				checkFrame(t, m, size[0], size[1])
				checkGolden(t, name, m.View())
			})
		}
	}
}

func TestGoldenOverlays(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"help": {"?"}, "palette": {":", "l", "o", "g"}, "filter": {"4", "/", "n", "e", "t"}, "slowest": {"#"},
		"log-filter": {"5", "/", "m", "e", "m", "enter"}, "log-wrap": {"5", "w"}, "dirty": {"4", "]", "]"}, "sorted": {"4", ">", ">", ">"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := sampleModel(t, 100, 30, Settings{Theme: "dark"}, "NO_COLOR=1")
			m.press(keys...)
			for m.log.Ring.Scan(1000) {
			}
			checkFrame(t, m, 100, 30)
			checkGolden(t, "overlay-"+name, m.View())
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 80, 24, Settings{Theme: "dark", ASCII: true}, "NO_COLOR=1")
	checkFrame(t, m, 80, 24)
	for _, r := range m.text() {
		if r > 126 {
			t.Errorf("%q is not ASCII", r)
		}
	}
	checkGolden(t, "ascii-80x24", m.View())
}

// Without colours a theme makes no difference.
func TestNoColorHasNoTheme(t *testing.T) {
	t.Parallel()
	dark := sampleModel(t, 120, 36, Settings{Theme: "dark"}, "NO_COLOR=1").View()
	light := sampleModel(t, 120, 36, Settings{Theme: "light"}, "NO_COLOR=1").View()
	if dark != light {
		t.Error("NO_COLOR: dark and light differ")
	}
	if strings.Contains(dark, "\x1b[3") || strings.Contains(dark, ";3") || strings.Contains(dark, ";4") {
		t.Error("NO_COLOR: there is a colour in the frame")
	}
}

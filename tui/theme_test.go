package tui

import (
	"io"
	"strings"
	"testing"
)

func TestChooseTheme(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, env, theme string
		ask              bool
	}{
		{"light", "", "light", false}, {"dark", "COLORFGBG=0;15", "dark", false}, {"auto", "COLORFGBG=0;15 TERM=xterm", "light", false},
		{"", "COLORFGBG=15;default;0 TERM=xterm", "dark", false}, {"", "TERM=xterm", "dark", true}, {"", "TERM=tmux-256color", "dark", false},
		{"", "TERM=xterm TMUX=/tmp/x", "dark", false}, {"", "TERM=dumb", "dark", false}, {"", "COLORFGBG=junk TERM=xterm", "dark", true},
	} {
		env := func(key string) string {
			for _, kv := range strings.Fields(c.env) {
				if k, v, _ := strings.Cut(kv, "="); k == key {
					return v
				}
			}
			return ""
		}
		theme, ask := chooseTheme(c.name, env)
		if theme.Name != c.theme || ask != c.ask {
			t.Errorf("%q %q: %s %v", c.name, c.env, theme.Name, ask)
		}
	}
}

func TestBackdrop(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"rgb:ffff/ffff/ffff": "light", "rgb:1c/1c/1c": "dark", "rgb:fdf6/f6e3/e3e3": "light", "junk": "dark", "rgb:zz/zz/zz": "dark", "rgb://": "dark"} {
		m := sampleModel(t, 80, 24, Settings{})
		m.askTheme = true
		m.update(backdropMsg{answer})
		if m.ctx.P.Theme.Name != want {
			t.Errorf("%s: %s", answer, m.ctx.P.Theme.Name)
		}
	}
}

// The answer of the terminal is no input, however it is cut; everything else is.
func TestAnswersAreNoKeys(t *testing.T) {
	t.Parallel()
	const typed = "ab\x1b[A\x1b]\x1bxq"
	for _, answer := range []string{"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b]11;rgb:00/00/00\a"} {
		all := "ab" + answer + "\x1b[A\x1b]\x1bxq"
		for size := 2; size <= len(all); size++ {
			if len("ab\x1b")%size == 0 {
				continue // a lone escape is the key: it must not wait
			}
			got := ""
			a := &answers{in: &chunks{text: all, size: size}, answer: func(s string) { got += s }}
			rest, err := io.ReadAll(a)
			if err != nil || string(rest) != typed || !strings.HasPrefix(got, "rgb:") || strings.ContainsAny(got, "\x1b\a") {
				t.Fatalf("in pieces of %d: keys %q, answer %q, %v", size, rest, got, err)
			}
		}
	}
	a := &answers{in: strings.NewReader("\x1b]11;" + strings.Repeat("x", 300)), answer: func(string) { t.Error("no terminal says that") }}
	if rest, _ := io.ReadAll(a); len(rest) != 305 {
		t.Errorf("%d bytes came through", len(rest))
	}
}

// chunks reads text in pieces of a size.
type chunks struct {
	text string
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p, c.text[:min(c.size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}

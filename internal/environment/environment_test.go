package environment

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxKept+1)
	v := New([]string{"A=1", "EMPTY=", "LC_ALL=C", "LC_TIME=de", "LC_TERMINAL=iTerm2", "SHLVL=3", "TERM=xterm", "A=2", "LONG=" + long, "MY_TOKEN=secret", "bad", "=x"})
	for pattern, want := range map[string]string{
		"A": "=2", "EMPTY": "=", "B": Unset, "LC_*": "LC_ALL=C\x00LC_TIME=de", "LD_*": "",
	} {
		if got := v.Text(pattern); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	for _, name := range []string{"LONG", "MY_TOKEN"} {
		if text := v.Text(name); !strings.HasPrefix(text, "#") || len(text) > 40 {
			t.Errorf("%s: %q", name, text)
		}
	}
	whole := v.Text(Whole)
	for name, in := range map[string]bool{"A=2": true, "EMPTY=": true, "SHLVL": false, "TERM=": false, "secret": false, "LC_TERMINAL": false, "LC_TIME=de": true} {
		if strings.Contains(whole, name) != in {
			t.Errorf("%q in %q: %v", name, whole, !in)
		}
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	set := func(value string) State { return State{Set: true, Kept: true, Value: value} }
	for _, tt := range []struct {
		pattern, old, now string
		want              Change
	}{
		{"A", Unset, "=1", Change{"A", State{}, set("1")}},
		{"A", "=1", "=", Change{"A", set("1"), set("")}},
		{"A", "#12", "#34", Change{"A", State{Set: true}, State{Set: true}}},
		{"*", "A=1\x00B=2\x00C=3", "A=1\x00C=4\x00D=5", Change{"B", set("2"), State{}}},
		{"*", "", "X=1", Change{"X", State{}, set("1")}},
		{"*", "X=1", "X=1", Change{Name: "*"}},
	} {
		if got := Difference(tt.pattern, tt.old, tt.now); got != tt.want {
			t.Errorf("%s %q %q: %+v, want %+v", tt.pattern, tt.old, tt.now, got, tt.want)
		}
	}
}

// Two environments have the same text exactly if every variable that counts is the same, and
// the change that is named is one.
func TestTextTellsEnvironmentsApart(t *testing.T) {
	t.Parallel()
	names := []string{"A", "B", "AB", "A_TOKEN", "SHLVL", "TERM", "LC_ALL", "PATH"}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []string {
			var env []string
			for _, name := range names {
				if value := rapid.SampledFrom([]string{"", "1", "=#", "A=1", "unset", strings.Repeat("y", 300), "-"}).Draw(t, label+name); value != "-" {
					env = append(env, name+"="+value)
				}
			}
			return env
		}
		one, two := draw("one"), draw("two")
		counts := func(env []string) []string {
			return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
				name, _, _ := strings.Cut(kv, "=")
				return name == "SHLVL" || name == "TERM"
			})
		}
		a, b := New(one).Text(Whole), New(two).Text(Whole)
		if same := slices.Equal(counts(one), counts(two)); same != (a == b) {
			t.Fatalf("%q and %q: %q, %q", one, two, a, b)
		}
		if a == b {
			return
		}
		c := Difference(Whole, a, b)
		was, is := New(one).Text(c.Name), New(two).Text(c.Name)
		if was == is || c.Old.Set != (was != Unset) || c.New.Set != (is != Unset) {
			t.Fatalf("%q and %q differ in %+v", one, two, c)
		}
	})
}

func TestForCommands(t *testing.T) {
	t.Parallel()
	got := ForCommands([]string{"A=1", "TERM=x", "PWD=/there", "MAKEFLAGS=-j", "OLDPWD=/", "GCC_COLORS=", "SECRET_KEY=1", "bad"}, "/root")
	if want := []string{"A=1", "OLDPWD=/", "SECRET_KEY=1", "PWD=/root"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	kept, all := WithoutSecrets(got)
	if want := []string{"A=1", "OLDPWD=/", "PWD=/root"}; !slices.Equal(kept, want) || all {
		t.Errorf("%q, %v", kept, all)
	}
}

// A plan depends on what finds compilers and libraries, and on nothing of a session.
func TestPlanDigest(t *testing.T) {
	t.Parallel()
	base := []string{"PATH=/bin", "CXX=g++"}
	same := func(whole bool, more ...string) bool {
		return PlanDigest(base, whole) == PlanDigest(append(slices.Clip(base), more...), whole)
	}
	for _, tt := range []struct {
		more       string
		bare, full bool // the digest is the same
	}{
		{"SHLVL=3", true, true}, {"OMPI_CXX=clang", true, false}, {"CPATH=/x", false, false}, {"PKG_CONFIG_PATH=/x", false, false},
		{"MACOSX_DEPLOYMENT_TARGET=13", false, false}, {"TERM=x", true, true},
	} {
		if got := same(false, tt.more); got != tt.bare {
			t.Errorf("%s: the same %v", tt.more, got)
		}
		if got := same(true, tt.more); got != tt.full {
			t.Errorf("%s with all variables: the same %v", tt.more, got)
		}
	}
}

// No pattern takes what builds are made of.
func TestLists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"HOME", "USER", "PATH", "CC", "CXX", "CFLAGS", "CPATH", "LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "PYTHONPATH", "QTDIR", "JAVA_HOME", "CI", "VERSION", "BUILD_ID", "VIRTUAL_ENV"} {
		if IsSession(name) || !Counts(name) && name != "PATH" {
			t.Errorf("%s does not count", name)
		}
	}
	for _, name := range []string{"SHLVL", "_", "SSH_TTY", "DISPLAY", "VSCODE_PID", "TMUX_PANE", "PS1", "INVOCATION_ID", "XDG_SESSION_ID", "TERM_PROGRAM", "TMPDIR", "OLDPWD", "/", "1"} {
		if !IsSession(name) {
			t.Errorf("%s counts", name)
		}
	}
}

func BenchmarkWhole(b *testing.B) {
	var env []string
	for i := range 80 {
		env = append(env, "SOME_VARIABLE_"+string(rune('A'+i%26))+string(rune('a'+i/26))+"=/usr/share/some/value")
	}
	for b.Loop() {
		New(env).Text(Whole)
	}
}

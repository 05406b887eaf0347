package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
	"pgregory.net/rapid"
)

func load(t *testing.T, text string) (Config, []ipc.Problem) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon_config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	var e *ipc.Error
	switch {
	case err == nil:
		return c, nil
	case !errors.As(err, &e) || e.Code != ipc.CodeConfig || e.Hint == "" || len(e.Problems) == 0:
		t.Fatalf("load: %#v", err)
	}
	for _, p := range e.Problems {
		if p.File != path {
			t.Errorf("problem in %s, want %s", p.File, path)
		}
	}
	return c, e.Problems
}

// The file as the specification prints it is what a missing file means.
func TestSpecConfigIsTheDefault(t *testing.T) {
	t.Parallel()
	c, problems := load(t, `
[daemons]
# Enable/disable specific daemons
enable_discovery = true
enable_setup = true
enable_compilation = true
enable_orchestrator = true

# Daemon settings
[daemons.discovery]
watch_interval = 1000  # milliseconds
ignored_patterns = ["*.tmp", "*.swp"]

[daemons.compilation]
max_cache_size = 1024  # MB
cache_ttl = 86400      # seconds (24 hours)
parallel_jobs = 0      # 0 = auto

[daemons.orchestrator]
queue_size = 100
timeout = 300  # seconds
`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("spec's file:\n%+v\ndefaults:\n%+v", c, Default())
	}
	missing, err := Load(filepath.Join(t.TempDir(), "none"))
	if err != nil || !reflect.DeepEqual(missing, Default()) {
		t.Errorf("missing file: %+v, %v", missing, err)
	}
}

func TestEveryMistakeIsReportedWhereItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string // "line:column: part of the message (part of the suggestion)"
	}{
		{"not TOML", "[daemons]\nidle_timeout = = 3\n", []string{"2:16: not valid TOML"}},
		{"unknown key", "[daemons]\nenable_setpu = true\n", []string{"2:1: unknown key daemons.enable_setpu (did you mean daemons.enable_setup?)"}},
		{"unknown table", "[deamons]\nx = 1\n", []string{"1:1: unknown key deamons (did you mean daemons?)"}},
		{"wrong place", "queue_size = 3\n", []string{"1:1: unknown key queue_size (did you mean daemons.orchestrator.queue_size?)"}},
		{"wrong type", "[daemons.discovery]\nwatch_interval = \"1s\"\n", []string{"2:18: daemons.discovery.watch_interval wants a whole number, not the string \"1s\" (the default is watch_interval = 1000)"}},
		{"fraction", "[daemons]\nidle_timeout = 1.5\n", []string{"2:16: daemons.idle_timeout wants a whole number, not the fraction 1.5"}},
		{"negative", "[daemons.orchestrator]\nqueue_size = -1\n", []string{"2:14: daemons.orchestrator.queue_size is -1, which is not between 0 and"}},
		{"word", "[daemons.discovery]\nverify = \"maybe\"\n", []string{`2:10: daemons.discovery.verify is "maybe", which is not one of its values (write "watch" or "stat")`}},
		{"pattern", "[daemons.discovery]\nignored_patterns = [\"[a\"]\n", []string{`2:20: daemons.discovery.ignored_patterns has the pattern "[a", which is not valid`}},
		{"value for a table", "daemons = 3\n", []string{"1:11: daemons is a table of settings, not a value"}},
		{"port 0", "[daemons.setup]\nport = 0\n", []string{"2:8: daemons.setup.port is 0, which is not between 1 and 65535"}},
		{"same port", "[daemons.setup]\nport = 9100\n[daemons.compilation]\nport = 9100\n", []string{"2:8: daemons.setup.port is 9100, and so is daemons.compilation.port (give every daemon a port of its own)"}},
		{"all at once", "[daemons]\nenable_setup = 1\nnonsense = 2\n[security]\nrequire_token = \"yes\"\n", []string{
			"2:16: daemons.enable_setup wants true or false, not the number 1",
			"3:1: unknown key daemons.nonsense",
			"5:17: security.require_token wants true or false",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := load(t, c.text)
			if len(problems) != len(c.want) {
				t.Fatalf("%d problems, want %d: %v", len(problems), len(c.want), problems)
			}
			for i, p := range problems {
				got := strings.TrimPrefix(p.String(), p.File+":")
				if !strings.HasPrefix(got, c.want[i]) && !(strings.HasSuffix(c.want[i], ")") && got == c.want[i]) {
					t.Errorf("got  %s\nwant %s", got, c.want[i])
				}
			}
		})
	}
}

func TestUnreadableConfig(t *testing.T) {
	t.Parallel()
	_, err := Load(t.TempDir()) // a folder in its place
	if ipc.CodeOf(err) != ipc.CodeConfig || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("folder: %v", err)
	}
}

// What Settings shows can be written into a file, and is read back the same.
func TestSettingsRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var want Config
		tables := map[string][]string{}
		var order []string
		used := map[int]bool{}
		for _, s := range want.settings() {
			s.reset()
			drawSetting(rt, s, used)
			table := strings.TrimSuffix(s.key, "."+lastPart(s.key))
			if !slices.Contains(order, table) {
				order = append(order, table)
			}
			if strings.HasSuffix(s.key, ".port") && s.value() == 0 {
				continue // 0 is "not set"
			}
			tables[table] = append(tables[table], fmt.Sprintf("%s = %s", lastPart(s.key), tomlText(s.value())))
		}
		var text strings.Builder
		for _, table := range order {
			fmt.Fprintf(&text, "[%s]\n%s\n", table, strings.Join(tables[table], "\n"))
		}
		path := filepath.Join(dir, "c.toml")
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			rt.Fatal(err)
		}
		got, err := Load(path)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text.String())
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("read %+v\nwrote %+v\n%s", got, want, text.String())
		}
	})
}

// drawSetting gives a setting any value that it may have.
func drawSetting(rt *rapid.T, s setting, usedPorts map[int]bool) {
	switch f := s.field.(type) {
	case *bool:
		*f = rapid.Bool().Draw(rt, s.key)
	case *int:
		n := rapid.IntRange(s.min, s.max).Draw(rt, s.key)
		if strings.HasSuffix(s.key, ".port") {
			if usedPorts[n] {
				return
			}
			usedPorts[n] = true
		}
		*f = n
	case *string:
		*f = rapid.SampledFrom(s.oneOf).Draw(rt, s.key)
	case *[]string:
		*f = rapid.SliceOfN(rapid.StringMatching(`[a-z*?.]{1,8}`), 1, 4).Draw(rt, s.key)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range Default().Settings() {
		if s.Doc == "" || !reflect.DeepEqual(s.Default, s.Value) {
			t.Errorf("%+v", s)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("[daemons]\nidle_timeout = 3\n")
	f.Add("daemons.discovery.port = 9001\n[security]\n")
	f.Add("[[daemons]]\n")
	f.Add("a.b = {c = [1, {d = 2}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, problems := parse("f", text)
		lines := 1 + strings.Count(text, "\n")
		for _, p := range problems {
			if p.Message == "" || p.Line < 1 || p.Line > lines+1 || p.Column < 1 {
				t.Errorf("problem %+v in a file of %d lines", p, lines)
			}
		}
	})
}

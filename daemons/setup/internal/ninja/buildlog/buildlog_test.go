package buildlog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, path string) *Log {
	t.Helper()
	l, warning, err := Load(path)
	if err != nil || warning != "" {
		t.Fatalf("%q, %v", warning, err)
	}
	return l
}

// Hashes as ninja 1.11 and 1.13 wrote them, of commands of all lengths that the functions
// tell apart.
func TestHashCommand(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][2]uint64{
		":":                             {0x2e49d2477c6737f0, 0xa2da22321247804b},
		": x":                           {0x5f0c5062bfb4c432, 0xef179f5022af3256},
		": abcde":                       {0x50c2e91ed79a6745, 0x6aad14337fb38b85},
		": 123456789012345":             {0xe531efa541fbee6a, 0xed905cd5be38b5ff},
		": " + strings.Repeat("x", 20):  {0x5fbe111ba98082be, 0xf98fd925929b9336},
		": " + strings.Repeat("y", 45):  {0x85ed13b293a55733, 0x2327bc56ca03dde0},
		": " + strings.Repeat("z", 60):  {0x367624dd0e0e491, 0xdfd4ebcd3fcb2ced},
		": " + strings.Repeat("w", 140): {0xd29502137421dd8f, 0xedb6a415118a6e93},
	} {
		if got := [2]uint64{(&Log{version: 6}).HashCommand(command), (&Log{version: 7}).HashCommand(command)}; got != want {
			t.Errorf("%q: %x, want %x", command, got, want)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".ninja_log")
	l := load(t, path)
	entry := Entry{Output: "out with space", Start: 1, End: 20, Mtime: 1_700_000_000_123_456_789, Hash: 0xabcdef}
	if err := l.Record(entry, Entry{Output: "b"}); err != nil {
		t.Fatal(err)
	}
	entry.End = 30
	if err := l.Record(entry); err != nil { // after Close it is opened again
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	want := "# ninja log v5\n1\t20\t1700000000123456789\tout with space\tabcdef\n0\t0\t0\tb\t0\n1\t30\t1700000000123456789\tout with space\tabcdef\n"
	if string(text) != want {
		t.Errorf("%q", text)
	}
	again := load(t, path)
	if e := again.Lookup("out with space"); e == nil || *e != entry || len(again.Entries()) != 2 || again.Lookup("c") != nil {
		t.Errorf("%+v", e)
	}
}

// A log keeps its version; what cannot be used is started over; torn lines are ignored.
func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		version int
		warning string
		entries int
	}{
		"":                                {5, "", 0},
		"# ninja log v5\n0\t1\t2\ta\t3\n": {5, "", 1},
		"# ninja log v6\n0\t1\t2\ta\t3\n0\t1\t2\tb\t3":          {6, "", 1},
		"# ninja log v7\n0\t1\t2\ta\t3\nnonsense\n0\t1\t2\tb\n": {7, "", 1},
		"# ninja log v4\n0\t1\t2\ta\t3\n":                       {5, "build log version is too old; starting over", 0},
		"# ninja log v8\n0\t1\t2\ta\t3\n":                       {5, "build log version is too new; starting over", 0},
		"\x00\x01garbage":                                       {5, "build log version is too old; starting over", 0},
	} {
		path := filepath.Join(t.TempDir(), ".ninja_log")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		l, warning, err := Load(path)
		if err != nil || l.Version() != want.version || warning != want.warning || len(l.Entries()) != want.entries {
			t.Errorf("%q: v%d, %q, %d entries, %v", text, l.Version(), warning, len(l.Entries()), err)
			continue
		}
		if err := l.Record(Entry{Output: "new"}); err != nil {
			t.Fatal(err)
		}
		if got := load(t, path); got.Version() != want.version || got.Lookup("new") == nil && !strings.HasSuffix(text, "\t3") {
			t.Errorf("%q: v%d after a write", text, got.Version())
		}
	}
}

func TestRecompactAndRestat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".ninja_log")
	l := load(t, path)
	for i := range 101 {
		if err := l.Record(Entry{Output: fmt.Sprint("out", i%4), Start: i}); err != nil {
			t.Fatal(err)
		}
	}
	l = load(t, path)
	if !l.Stale() {
		t.Error("a log with 101 lines for 4 outputs is not stale")
	}
	if err := l.Recompact(func(output string) bool { return output == "out2" }); err != nil {
		t.Fatal(err)
	}
	if err := l.Restat([]string{"out1", "unknown"}, func(string) (int64, error) { return 77, nil }); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if want := "# ninja log v5\n100\t0\t0\tout0\t0\n97\t0\t77\tout1\t0\n99\t0\t0\tout3\t0\n"; string(text) != want {
		t.Errorf("%q", text)
	}
	left, _ := filepath.Glob(path + ".*")
	if len(left) > 0 {
		t.Error(left)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("# ninja log v5\n0\t1\t2\ta\t3\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		l, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Recompact(func(string) bool { return false }); err != nil {
			t.Fatal(err)
		}
		again := load(t, path)
		if len(again.Entries()) != len(l.Entries()) {
			t.Errorf("%d entries became %d", len(l.Entries()), len(again.Entries()))
		}
	})
}

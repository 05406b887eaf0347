package depslog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

func inputs(l *Log, output string) (paths []string) {
	d := l.Lookup(output)
	if d == nil {
		return nil
	}
	for i := range d.Len() {
		paths = append(paths, l.Path(d.ID(i)))
	}
	return paths
}

func record(t *testing.T, l *Log, output string, mtime int64, in ...string) {
	t.Helper()
	if err := l.Record(output, mtime, in); err != nil {
		t.Fatal(err)
	}
}

// The bytes are those of the format's description in ninja's manual and sources.
func TestRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".ninja_deps")
	l := load(t, path)
	record(t, l, "out", 0x1_0000_0002, "in.h")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := []byte("# ninjadeps\n\x04\x00\x00\x00" +
		"\x08\x00\x00\x00out\x00\xff\xff\xff\xff" + "\x08\x00\x00\x00in.h\xfe\xff\xff\xff" +
		"\x10\x00\x00\x80\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00")
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Errorf("%q", got)
	}
	l = load(t, path)
	record(t, l, "out", 0x1_0000_0002, "in.h") // nothing new: nothing is written
	if got, _ := os.ReadFile(path); len(got) != len(want) {
		t.Errorf("%d bytes", len(got))
	}
	record(t, l, "out", 3, "in.h", "other path.h")
	record(t, l, "none", 4)
	l = load(t, path)
	if d := l.Lookup("out"); d.Mtime != 3 || !slices.Equal(inputs(l, "out"), []string{"in.h", "other path.h"}) {
		t.Errorf("%+v", d)
	}
	if d := l.Lookup("none"); d == nil || d.Len() != 0 || l.Lookup("in.h") != nil || !l.Has("in.h") || l.Has("x") {
		t.Errorf("%+v", d)
	}
	if err := l.Record("big", 1, make([]string, maxRecordSize/4)); err == nil {
		t.Error("a record that is too long was written")
	}
}

// Wherever a file is cut, what is before it counts, and the next record follows it.
func TestTorn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".ninja_deps")
	l := load(t, path)
	record(t, l, "a", 1, "x", "y")
	record(t, l, "b", 2, "x", "z")
	whole, _ := os.ReadFile(path)
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		torn, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		record(t, torn, "c", 3, "x", "w")
		torn.Close()
		again := load(t, path)
		if !slices.Equal(inputs(again, "c"), []string{"x", "w"}) || again.Lookup("b") != nil || again.Lookup("a") != nil && !slices.Equal(inputs(again, "a"), []string{"x", "y"}) {
			t.Errorf("cut at %d: %v, %v, %v", cut, inputs(again, "a"), inputs(again, "b"), inputs(again, "c"))
		}
	}
}

func TestOtherVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# ninjadeps\n\x03\x00\x00\x00": "bad deps log signature or version; starting over",
		"# ninjadeps\n\x01\x00\x00\x00": "deps log version change; rebuilding",
		"nonsense":                      "bad deps log signature or version; starting over",
	} {
		path := filepath.Join(t.TempDir(), ".ninja_deps")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if l, warning, err := Load(path); warning != want || err != nil || len(l.Paths()) != 0 {
			t.Errorf("%q: %q, %v", text, warning, err)
		}
		load(t, path) // it is gone
	}
}

func TestRecompact(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".ninja_deps")
	l := load(t, path)
	record(t, l, "dead", 1, "only for dead.h")
	for i := range 1001 {
		record(t, l, "out", int64(i), "x.h", fmt.Sprint("h", i%2))
	}
	l = load(t, path)
	if !l.Stale() {
		t.Error("a log with 1002 records for 2 outputs is not stale")
	}
	if err := l.Recompact(func(output string) bool { return output == "out" }); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Log{l, load(t, path)} {
		if !slices.Equal(inputs(l, "out"), []string{"x.h", "h0"}) || l.Lookup("out").Mtime != 1000 || l.Lookup("dead") != nil || strings.Join(l.Paths(), ",") != "out,x.h,h0" {
			t.Errorf("%v of %v", inputs(l, "out"), l.Paths())
		}
	}
	record(t, l, "out", 2000, "new.h")
	if got := load(t, path); !slices.Equal(inputs(got, "out"), []string{"new.h"}) {
		t.Error(inputs(got, "out"))
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("\x08\x00\x00\x00out\x00\xff\xff\xff\xff\x10\x00\x00\x80\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, records []byte) {
		path := filepath.Join(t.TempDir(), "deps")
		if err := os.WriteFile(path, append(header(), records...), 0o666); err != nil {
			t.Fatal(err)
		}
		l, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		again := load(t, path) // what was broken was cut
		if !slices.Equal(l.Paths(), again.Paths()) {
			t.Errorf("%q became %q", l.Paths(), again.Paths())
		}
		for _, p := range l.Paths() {
			if !slices.Equal(inputs(l, p), inputs(again, p)) {
				t.Errorf("%q: %q became %q", p, inputs(l, p), inputs(again, p))
			}
		}
	})
}

package cache

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A store takes contents of another store and of its own folder for incoming files without a
// copy, and what it took is delivered like anything else.
func TestAdopt(t *testing.T) {
	t.Parallel()
	from, s, scratch := open(t, t.TempDir(), Options{}), open(t, t.TempDir(), Options{}), t.TempDir()
	shared := put(t, from, action(1), 300).Outputs[0]
	incoming := s.Incoming()
	fetched := filepath.Join(incoming, "fetched")
	if err := os.MkdirAll(incoming, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fetched, content(action(2), 400), 0o600); err != nil {
		t.Fatal(err)
	}
	describe := func(name string, data []byte) Output {
		return Output{Name: name, Blob: HashBytes(data), Size: int64(len(data)), Mode: 0o640}
	}
	shared.Name = "shared"
	e := &Entry{Action: action(9), Outputs: []Output{
		shared, describe("fetched", content(action(2), 400)), describe("text", []byte("text")), describe("empty", nil),
	}}
	outputs := e.Outputs
	err := s.Adopt(e, map[string]Ready{
		"shared": {File: from.BlobFile(shared)}, "fetched": {File: fetched, Moved: true}, "text": {Text: []byte("text")}, "empty": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, why := s.Get(action(9)); got == nil || len(got.Outputs) != len(outputs) {
		t.Fatalf("%+v, %s", got, why)
	}
	for _, o := range outputs {
		dst := filepath.Join(scratch, o.Name)
		if err := s.Deliver(o, dst); err != nil {
			t.Fatalf("%s: %v", o.Name, err)
		}
		if got, _ := os.ReadFile(dst); HashBytes(got) != o.Blob {
			t.Errorf("%s has %d bytes of another content", o.Name, len(got))
		}
	}
	one, _ := os.Stat(from.BlobFile(shared))
	two, _ := os.Stat(s.BlobFile(shared))
	if !os.SameFile(one, two) {
		t.Error("the blob of the other store was copied")
	}
	if _, err := os.Stat(fetched); !os.IsNotExist(err) {
		t.Errorf("the file that came in is still there: %v", err)
	}
	// What is delivered is a copy: writing to it changes neither store.
	if err := os.WriteFile(filepath.Join(scratch, "shared"), []byte("stripped"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := from.Deliver(shared, filepath.Join(scratch, "again")); err != nil {
		t.Errorf("after a delivered file was changed: %v", err)
	}
}

// What is not what it should be is not stored, or not delivered.
func TestAdoptOfWrongContent(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Output{Name: "0", Blob: HashBytes([]byte("right")), Size: 5, Mode: 0o640}
	for name, c := range map[string]Ready{"a text": {Text: []byte("wrong")}, "no file": {File: wrong + "x"}} {
		if err := s.Adopt(&Entry{Action: action(1), Outputs: []Output{o}}, map[string]Ready{"0": c}); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if err := s.Adopt(&Entry{Action: action(1), Outputs: []Output{o}}, map[string]Ready{"0": {File: wrong}}); err != nil {
		t.Fatal(err)
	}
	if why, err := get(s, t.TempDir(), action(1), 5); err == nil {
		t.Errorf("a file of another content was delivered: %s", why)
	}
	if why, _ := get(s, t.TempDir(), action(1), 5); why != Damaged {
		t.Errorf("afterwards it is %q", why)
	}
}

// The folder of a process that died goes with the temporary files.
func TestIncomingIsRemoved(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	dir := s.Incoming()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Trim()
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("a new one: %v", err)
	}
	old := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	s.Trim()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("an old one: %v", err)
	}
}

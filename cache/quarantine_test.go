package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQuarantine(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	s := open(t, dir, Options{Now: c.Now})
	object := filepath.Join(t.TempDir(), "a.o")
	if err := os.WriteFile(object, []byte("object"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range maxQuarantined + 2 {
		// Two actions name one blob: the other's entry stays as it is.
		bad, good := HashBytes(fmt.Append(nil, "bad", i)), HashBytes(fmt.Append(nil, "good", i))
		for _, action := range []Digest{bad, good} {
			if err := putFiles(s, &Entry{Action: action, Command: "cc -c a.c"}, map[string]string{"output": object}); err != nil {
				t.Fatal(err)
			}
		}
		c.add(time.Second)
		kept, err := s.Quarantine(bad, "it is wrong")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(kept, "report.txt"))
		if err != nil || !strings.Contains(string(text), bad.String()+"\ncommand cc -c a.c\n") || !strings.HasSuffix(string(text), "it is wrong\n") {
			t.Errorf("%v: %s", err, text)
		}
		if text, err := os.ReadFile(filepath.Join(kept, "output")); err != nil || string(text) != "object" {
			t.Errorf("%v: %s", err, text)
		}
		if e, why := s.Get(bad); e != nil || why != Damaged {
			t.Errorf("the wrong one: %v, %s", e, why)
		}
		if e, why := s.Get(good); e == nil {
			t.Errorf("the other one: %s", why)
		}
	}
	if kept, _ := os.ReadDir(filepath.Join(dir, "quarantine")); len(kept) != maxQuarantined {
		t.Errorf("%d are kept", len(kept))
	}
	if n := s.Stats().Damaged; n != maxQuarantined+2 {
		t.Errorf("%d counted", n)
	}
	if _, err := s.Quarantine(HashBytes([]byte("gone")), ""); err == nil {
		t.Error("an entry that is not there")
	}
}

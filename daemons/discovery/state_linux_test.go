package discovery

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "")
	first := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	second := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	if first == second || tr.sync().Token != second {
		t.Errorf("tokens %q, %q, in Sync %q", first, second, tr.sync().Token)
	}
	tr.reopen()
	if got := tr.sync().Token; got != second {
		t.Errorf("token %q after a restart, want %q", got, second)
	}
	tr.must(tr.service.Close())
	text, err := os.ReadFile(tr.cfg.StateFile)
	tr.must(err)
	for name, damaged := range map[string][]byte{
		"empty": {}, "cut": text[:len(text)/2], "longer": append(slices.Clone(text), 0),
		"flipped": flip(text, len(text)/2), "magic": flip(text, 3), "checksum": flip(text, len(text)-1),
	} {
		tr.must(os.WriteFile(tr.cfg.StateFile, damaged, 0o600))
		tr.open()
		if r := tr.sync(); r.Token == second || r.Nodes != 0 {
			t.Errorf("%s file: token %q, %d nodes, want an empty graph with a new token", name, r.Token, r.Nodes)
		}
		tr.must(tr.service.Close())
	}
	tr.must(os.WriteFile(tr.cfg.StateFile, text, 0o600))
	tr.cfg.Root = t.TempDir()
	tr.open()
	if r := tr.sync(); r.Token == second || r.Nodes != 0 {
		t.Errorf("another project's file: %+v", r)
	}
}

func flip(text []byte, at int) []byte {
	out := slices.Clone(text)
	out[at] ^= 1
	return out
}

// TestStateIsWrittenInTheBackground: a killed daemon's records are not lost for long.
func TestStateIsWrittenInTheBackground(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "")
	token := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	for tr.stats().Saves == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	other := tr.cfg
	other.Watch = false
	s, err := New(context.Background(), other)
	tr.must(err)
	defer s.Close()
	r, err := s.Sync(context.Background(), ipc.SyncRequest{})
	tr.must(err)
	if r.Token != token || r.Mode != modeStat || r.Nodes != 1 || len(r.Dirty) != 0 {
		t.Errorf("%+v, want the token %q and a clean node", r, token)
	}
}

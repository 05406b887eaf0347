package compilation

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// A server that gave a wrong result is off at once, whether or not that can be written down. The
// first audit may end before the folder of the state was made.
func TestRemoteIsTurnedOff(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(state string) error{
		"no folder yet": func(string) error { return nil },
		"a folder":      func(state string) error { return os.Mkdir(state, 0o700) },
		"a file":        func(state string) error { return os.WriteFile(state, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state")
			if err := prepare(state); err != nil {
				t.Fatal(err)
			}
			s := &Service{cfg: Config{StateFile: filepath.Join(state, "units")}, log: slog.New(slog.DiscardHandler)}
			p := newTiers(s)
			p.turnRemoteOff("a wrong result")
			if got := p.remoteOff(); got != "a wrong result" {
				t.Errorf("off because of %q", got)
			}
			restarted := newTiers(s).remoteOff()
			if written := name != "a file"; written != (restarted == "a wrong result") {
				t.Errorf("after a restart: off because of %q", restarted)
			}
			if name == "a file" {
				return
			}
			if err := os.Remove(p.offFile()); err != nil {
				t.Fatal(err)
			}
			if got := p.remoteOff(); got != "" {
				t.Errorf("without the file: off because of %q", got)
			}
		})
	}
}

package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxQuarantined bounds what is kept of entries that were put aside: enough to look
// into what happened.
const maxQuarantined = 10

// Quarantine takes an entry out of use because its outputs are not what its action
// makes, and keeps it with its outputs and a report in a folder that nothing reads,
// the newest ten of them. It returns the folder; the entry is out of use even if
// nothing could be kept.
func (s *Store) Quarantine(action Digest, report string) (dir string, err error) {
	e, err := s.read(action)
	if err != nil {
		s.remove(action, Damaged)
		return "", fmt.Errorf("quarantine %s: %w", action, err)
	}
	dir = s.path("quarantine", s.now().UTC().Format("20060102-150405-")+action.String()[:16])
	if err = os.MkdirAll(dir, 0o700); err == nil {
		text := fmt.Sprintf("action %s\ncommand %s\nstored %s\n%s\n", action, e.Command, e.Created, report)
		err = os.WriteFile(filepath.Join(dir, "report.txt"), []byte(text), 0o600)
	}
	for _, o := range e.Outputs {
		if err == nil {
			err = s.Deliver(o, filepath.Join(dir, strings.ReplaceAll(o.Name, "/", "_")))
		}
	}
	s.remove(action, Damaged)
	s.count(func(c *counters) { c.Damaged++ })
	s.trimQuarantine()
	if err != nil {
		return "", fmt.Errorf("quarantine %s: %w", action, err)
	}
	return dir, nil
}

// trimQuarantine deletes the oldest folders beyond the bound; their names sort by
// time.
func (s *Store) trimQuarantine() {
	entries, _ := os.ReadDir(s.path("quarantine"))
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-maxQuarantined)] {
		os.RemoveAll(s.path("quarantine", name))
	}
}

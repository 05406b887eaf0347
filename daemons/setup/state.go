package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// stateSchema changes with anything that is written below.
const stateSchema = "replibuild setup state 3"

// state is what is remembered between plans and restarts. Nothing in it is believed
// before what it rests on was looked at.
type state struct {
	Now        int64 // counts plans
	Env        []string
	Toolchains memo[probed]
	Packages   memo[pkgResult]
	Words      memo[string]
	Digests    map[string]fileDigest
	Mains      map[string]mainSeen
	Plans      map[string]*cachedPlan // by hash of the environment

	changed  bool
	programs userPrograms // of all sets of the user
}

func newState() *state {
	return &state{
		Toolchains: memo[probed]{}, Packages: memo[pkgResult]{}, Words: memo[string]{},
		Digests: map[string]fileDigest{}, Mains: map[string]mainSeen{}, Plans: map[string]*cachedPlan{},
	}
}

// stateFile is the file in the folder of the daemons' state.
const stateFile = "setup"

// loadState reads what an earlier process wrote for the same root. A file that is
// missing, damaged, or written by another program or for another root is no state:
// everything is asked anew.
func loadState(dir string, root rootid.ID, log *slog.Logger) *state {
	if dir == "" {
		return newState()
	}
	file := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return newState()
	}
	s := newState()
	if err := decodeState(text, root, s); err != nil {
		log.Warn("forget plans", "file", file, "error", err)
		return newState()
	}
	return s
}

func decodeState(text []byte, root rootid.ID, s *state) error {
	body, ok := bytes.CutPrefix(text, stateHeader())
	if !ok {
		return errors.New("written by another version")
	}
	if body, ok = root.Cut(body); !ok {
		return errors.New("written for another folder")
	}
	if len(body) < sha256.Size {
		return errors.New("damaged")
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if real := sha256.Sum256(body); !bytes.Equal(real[:], sum) {
		return errors.New("damaged")
	}
	return gob.NewDecoder(bytes.NewReader(body)).Decode(s)
}

// stateHeader names schema and program: another build of ours may plan otherwise.
var stateHeader = sync.OnceValue(func() []byte {
	exe, _ := os.Executable()
	sig, _ := ipc.StatSignature(exe).MarshalText()
	return fmt.Appendf(nil, "%s\n%s\n", stateSchema, sig)
})

// encode returns the content of the file.
func (s *state) encode(root rootid.ID) ([]byte, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body.Bytes())
	return slices.Concat(stateHeader(), root.Header(), sum[:], body.Bytes()), nil
}

// cachedPlan is a plan with what it was made from.
type cachedPlan struct {
	Plan  *ipc.Plan
	Basis *deps
	Mains map[string]mainSeen
	Used  int64
}

// maxPlans bounds how many environments' plans are kept.
const maxPlans = 4

// plan returns the plan for an environment, nil unless everything that it was made
// from is as it was.
func (s *state) plan(env string, l *statCache) *ipc.Plan {
	c := s.Plans[env]
	if c == nil || !c.Basis.holds(l) || !s.refresh(c, l) {
		return nil
	}
	c.Used = s.Now
	return c.Plan
}

// refresh looks for main again in the sources that were edited. If they say what
// they said, only the plan's record of them changes.
func (s *state) refresh(c *cachedPlan, l *statCache) bool {
	edited := map[string]mainSeen{}
	for file, seen := range c.Mains {
		sig := l.sign(file)
		if sig == seen.Sig {
			continue
		}
		now := s.scanMain(file, sig)
		if now.Main != seen.Main || !sig.Exists() || l.isYoung(file, sig) {
			return false
		}
		edited[file] = now
	}
	if len(edited) == 0 {
		return true
	}
	next := *c.Plan
	next.Track.Files = append([]ipc.FileSig(nil), next.Track.Files...)
	for i, f := range next.Track.Files {
		if now, ok := edited[absolute(next.Root, f.Path)]; ok {
			next.Track.Files[i].Sig = now.Sig
		}
	}
	for file, now := range edited {
		c.Mains[file] = now
	}
	c.Plan = &next
	s.changed = true
	return true
}

// keep remembers a plan; beyond the limit the one that was not asked for the longest
// time goes.
func (s *state) keep(env string, plan *ipc.Plan, b *deps, mains map[string]mainSeen) {
	s.Plans[env] = &cachedPlan{Plan: plan, Basis: b, Mains: mains, Used: s.Now}
	for len(s.Plans) > maxPlans {
		oldest := env
		for key, c := range s.Plans {
			if c.Used < s.Plans[oldest].Used {
				oldest = key
			}
		}
		delete(s.Plans, oldest)
	}
	s.changed = true
}

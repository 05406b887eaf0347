package daemons

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/rootid"
)

// A daemon that crashed so often in so short a time is not started again by itself:
// a start that fails at once would otherwise be repeated by every command.
const (
	crashLimit  = 5
	crashWindow = 60 * time.Second
)

// restartHistory is what the launcher remembers of a daemon over its restarts, until it is
// stopped on purpose.
type restartHistory struct {
	Root     rootid.ID   `json:"root"`     // the folder that the daemon belongs to
	Restarts int         `json:"restarts"` // starts after a crash or by `restart`
	Crashes  []time.Time `json:"crashes"`  // the last ones, oldest first
	Noted    identity    `json:"noted"`    // the process whose crash was counted last
	DiedIn   string      `json:"died_in"`  // boot in which the last start ended in a crash, "" if it did not
	// LastCrash says which process crashed last, and when; "" if none did.
	LastCrash string `json:"last_crash,omitempty"`
}

func (p Paths) restartsFile(name string) string {
	return filepath.Join(p.StateDir(), name+".restarts.json")
}

// readRestarts returns a new history if there is none that can be read, or if it came along
// with a copy of another folder.
func (p Paths) readRestarts(name string) restartHistory {
	none := restartHistory{Root: rootid.Of(p.Root)}
	f, err := openPrivate(p.restartsFile(name), os.O_RDONLY)
	if err != nil {
		return none
	}
	defer f.Close()
	var r restartHistory
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil || json.Unmarshal(data, &r) != nil || r.Root != none.Root {
		return none
	}
	return r
}

func (p Paths) writeRestarts(name string, r restartHistory) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return replacePrivate(p.restartsFile(name), append(data, '\n'))
}

// crashed adds a crash and tells whether there were too many of them lately.
func (r restartHistory) crashed(now time.Time) restartHistory {
	r.Crashes = append(r.Crashes, now)
	if extra := len(r.Crashes) - crashLimit; extra > 0 {
		r.Crashes = r.Crashes[extra:]
	}
	return r
}

// died reports whether the last start of this boot ended before the daemon was ready.
func (r restartHistory) died() bool { return r.DiedIn != "" && r.DiedIn == bootID() }

// looping reports whether the last crashes came so fast that another start would only
// crash again. A clock that was set back ends the wait, too.
func (r restartHistory) looping(now time.Time) bool {
	if len(r.Crashes) < crashLimit {
		return false
	}
	age := now.Sub(r.Crashes[len(r.Crashes)-crashLimit])
	return age >= 0 && age < crashWindow
}

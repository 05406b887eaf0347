package orchestrator

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// progress is how far a job is, for `queue` and the dashboard.
type progress struct {
	since time.Time // it was asked for

	mu    sync.Mutex
	units int
	done  int
	jobs  map[string]ipc.RunningJob
}

func newJob(req ipc.BuildRequest, key string, publish func(ipc.Event)) *job {
	j := &job{id: newBuildID(), key: key, req: req, events: newEventLog(publish), gone: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	j.since, j.jobs = time.Now(), map[string]ipc.RunningJob{}
	return j
}

// newBuildID makes an id that no other process makes: builds of several processes
// may meet in one compilation daemon, which cancels by id.
func newBuildID() string {
	b := make([]byte, 4)
	rand.Read(b) // never fails: https://pkg.go.dev/crypto/rand#Read
	return time.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(b)
}

// requestKey is equal for requests that one build can serve.
func requestKey(req ipc.BuildRequest) string {
	req.Trigger = ""
	req.Targets, req.Files = sorted(req.Targets), sorted(req.Files)
	req.Env = []string{environment.New(req.Env).Text(environment.Whole)} // the session is no matter
	return digest(req)
}

// scopeKey is equal for requests that look at the same units.
func scopeKey(req ipc.BuildRequest) string {
	return digest([2][]string{sorted(req.Targets), sorted(req.Files)})
}

func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// digest is the hex SHA-256 of v in JSON; v holds strings and numbers only.
func digest(v any) string {
	text, _ := json.Marshal(v)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// begins notes that something runs.
func (p *progress) begins(j ipc.RunningJob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.Since = time.Now()
	p.jobs[j.ID] = j
}

// ends notes that it does not run any more.
func (p *progress) ends(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, id)
}

// nothingRuns forgets the actions that a service had begun before it was given up.
func (p *progress) nothingRuns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.jobs)
}

func (p *progress) setUnits(units, done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.units, p.done = units, done
}

// unitDone notes that one unit more is done and does not run any more.
func (p *progress) unitDone(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	delete(p.jobs, id)
}

// info describes the job; the queue's mu is held.
func (j *job) info() ipc.BuildInfo {
	j.progress.mu.Lock()
	defer j.progress.mu.Unlock()
	info := ipc.BuildInfo{
		Build: j.id, Trigger: j.req.Trigger, Targets: j.req.Targets, Files: j.req.Files,
		Since: j.since, Callers: j.callers, Units: j.units, Done: j.done,
	}
	for _, r := range j.jobs {
		info.Jobs = append(info.Jobs, r)
	}
	slices.SortFunc(info.Jobs, func(a, b ipc.RunningJob) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	return info
}

package replibuild

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// launchesEvery is how often the daemon of the user set is asked for news.
	launchesEvery = 250 * time.Millisecond
	// launchesEnd is how long no command may come until what came before counts as one build.
	launchesEnd = 3 * time.Second
	// keptBursts is how many of those are remembered.
	keptBursts = 50
)

// LaunchFeed shows the commands of the thin client as builds, for the dashboard: there is no
// orchestrator in the user set. Commands that follow each other make one build, whatever folders
// they come from; a folder is a target, a source a unit. Subscribe works once at a time. History
// and Explain know what came since then. All other requests end with an error that says so.
type LaunchFeed struct {
	*ipc.OrchestratorClient
	project *Project
	client  *ipc.CompilationClient

	noted int64        // records that were seen
	burst *launchBurst // nil = none

	mu     sync.Mutex
	recent []ipc.BuildRecord // newest first
}

// launchBurst is commands that follow each other.
type launchBurst struct {
	record  ipc.BuildRecord
	last    time.Time         // when something was heard
	running map[string]string // the misses that run, and why they are misses
}

// LaunchFeed is the feed of the user set. Close ends it.
func (p *Project) LaunchFeed() *LaunchFeed {
	none := func(context.Context) (*ipc.Conn, error) { return nil, errNoBuilds() }
	return &LaunchFeed{
		OrchestratorClient: ipc.NewOrchestratorClient(none), project: p,
		client: ipc.NewCompilationClient(p.dialer(ipc.NameCompilation)),
	}
}

// Close ends the feed.
func (f *LaunchFeed) Close() error {
	return errors.Join(f.OrchestratorClient.Close(), f.client.Close())
}

func errNoBuilds() error {
	return ipc.Errorf(ipc.CodeUnavailable, "the user set builds nothing by itself: commands come from make, ninja or a shell").
		WithHint("`replibuild tui` in a project's folder shows and builds that project")
}

// Build implements [ipc.Orchestrator].
func (f *LaunchFeed) Build(context.Context, ipc.BuildRequest, func(ipc.Event)) (ipc.BuildReply, error) {
	return ipc.BuildReply{}, errNoBuilds()
}

// Subscribe implements [ipc.Orchestrator] until ctx ends. While no daemon runs there is no news.
func (f *LaunchFeed) Subscribe(ctx context.Context, _ ipc.SubscribeRequest, onEvent func(ipc.Event)) error {
	onEvent(ipc.NewEvent("", ipc.Snapshot{Status: f.project.Status(ctx), Recent: f.recent}))
	for {
		if reply, err := f.client.Launches(ctx, ipc.LaunchesRequest{After: f.noted}); err == nil {
			f.take(ctx, reply, time.Now(), onEvent)
		}
		if err := pause.For(ctx, launchesEvery); err != nil {
			return err
		}
	}
}

// take turns an answer into events.
func (f *LaunchFeed) take(ctx context.Context, reply ipc.LaunchesReply, now time.Time, onEvent func(ipc.Event)) {
	news := reply.Last
	if reply.Noted < f.noted { // another daemon, which counts from zero
		f.noted = 0
		return
	}
	f.noted = reply.Noted
	for _, r := range news {
		if r.Result == ipc.LaunchedAlone {
			continue // nothing tells when it ends
		}
		if f.isOver(r.Time) && len(f.burst.running) == 0 {
			f.end(ctx, onEvent)
		}
		if f.burst == nil {
			f.begin(r.Time, onEvent)
		}
		f.burst.last = r.Time
		f.tell(r, onEvent)
	}
	if reply.Running == 0 && f.isOver(now) {
		f.end(ctx, onEvent)
	}
}

// isOver reports whether there was a burst, to which nothing was added for some time.
func (f *LaunchFeed) isOver(now time.Time) bool {
	return f.burst != nil && now.Sub(f.burst.last) >= launchesEnd
}

// begin begins a burst.
func (f *LaunchFeed) begin(at time.Time, onEvent func(ipc.Event)) {
	record := ipc.BuildRecord{Build: "launched-" + strconv.FormatInt(at.UnixMilli(), 36), Trigger: ipc.TriggerLauncher, Started: at}
	f.burst = &launchBurst{record: record, running: map[string]string{}}
	f.send(at, ipc.BuildStarted{Project: f.project.Set(), Root: f.project.Root(), Trigger: ipc.TriggerLauncher, Daemons: true}, onEvent)
}

// tell tells what became of a command.
func (f *LaunchFeed) tell(r ipc.LaunchRecord, onEvent func(ipc.Event)) {
	b, file, key := f.burst, sourceOf(r), r.Dir+"\x00"+strings.Join(r.Args, "\x00")
	if r.Result == ipc.LaunchedMiss {
		b.running[key] = r.Why
		f.send(r.Time, ipc.UnitStarted{File: file, Target: r.Dir, Seen: r.Why != ""}, onEvent)
		return
	}
	u := ipc.UnitRecord{ID: r.Dir + ":" + file, File: file, Target: r.Dir, Status: ipc.StatusCompiled, Seconds: r.Seconds}
	switch {
	case r.Result == ipc.LaunchedHit:
		u.Status, u.Reason = ipc.StatusCached, words.FromCache(nil)
		b.record.Cached, b.record.Hits = b.record.Cached+1, b.record.Hits+1
	case b.running[key] != "":
		u.Reason = ipc.Reason{Code: ipc.ReasonNew, Text: b.running[key]}
	default:
		u.Reason = words.NotCached()
	}
	switch {
	case r.Failed:
		u.Status = ipc.StatusFailed
		b.record.Failed++
	case r.Result == ipc.LaunchedNotStored:
		u.Reason.Text += "; not stored: " + r.Why
		fallthrough
	case r.Result == ipc.LaunchedStored:
		b.record.Compiled++
	}
	delete(b.running, key)
	b.record.Units = append(b.record.Units, u)
	f.send(r.Time, ipc.UnitFinished{File: file, Target: r.Dir, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds, Command: r.Args}, onEvent)
}

// end ends the burst.
func (f *LaunchFeed) end(ctx context.Context, onEvent func(ipc.Event)) {
	r := &f.burst.record
	r.Success, r.Seconds = r.Failed == 0, f.burst.last.Sub(r.Started).Seconds()
	if n := r.Total(); r.Seconds > 0 {
		r.Detail = strconv.FormatFloat(float64(n)/r.Seconds, 'f', 1, 64) + " commands a second"
	}
	f.send(f.burst.last, ipc.BuildFinished{OK: r.Success, Counts: r.Counts, Seconds: r.Seconds, Detail: r.Detail}, onEvent)
	f.mu.Lock()
	f.recent = slices.Insert(f.recent, 0, *r)
	f.recent, f.burst = f.recent[:min(len(f.recent), keptBursts)], nil
	f.mu.Unlock()
	if stats, err := f.project.CacheStats(ctx); err == nil {
		onEvent(ipc.NewEvent("", ipc.CacheChanged{CacheStatsReply: stats}))
	}
}

// Explain implements [ipc.Orchestrator]: what became of a source since the subscription began.
func (f *LaunchFeed) Explain(_ context.Context, req ipc.ExplainRequest) (ipc.ExplainReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reply := ipc.ExplainReply{Subject: req.Subject, Kind: "unit", Records: []ipc.ExplainFact{}}
	for _, b := range f.recent {
		for _, u := range b.Units {
			if u.File == req.Subject {
				reply.Records = append(reply.Records, ipc.ExplainFact{Build: b.Build, Time: b.Started, UnitRecord: u})
			}
		}
	}
	return reply, nil
}

// History implements [ipc.Orchestrator]: what was seen since the subscription began.
func (f *LaunchFeed) History(context.Context, ipc.HistoryRequest) (ipc.HistoryReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return ipc.HistoryReply{Builds: slices.Clone(f.recent)}, nil
}

func (f *LaunchFeed) send(at time.Time, body ipc.EventBody, onEvent func(ipc.Event)) {
	e := ipc.NewEvent(f.burst.record.Build, body)
	e.Time = at
	onEvent(e)
}

// sourceOf is the path of the source of a compile: the last argument with the ending of one,
// else the compiler.
func sourceOf(r ipc.LaunchRecord) string {
	for _, a := range slices.Backward(r.Args) {
		switch strings.ToLower(filepath.Ext(a)) {
		case ".c", ".cc", ".cpp", ".cxx", ".c++", ".cp", ".s", ".m", ".mm", ".cu", ".hip", ".i", ".ii":
			if filepath.IsAbs(a) {
				return filepath.Clean(a)
			}
			if !strings.HasPrefix(a, "-") {
				return filepath.Join(r.Dir, a)
			}
		}
	}
	return r.Args[0]
}

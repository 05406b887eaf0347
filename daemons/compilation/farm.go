package compilation

import (
	"context"
	"maps"
	"os"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// A build farm is a server that executes commands. Compiles go there beside those that run
// here: whichever has a slot first takes the next along the critical path. Nothing that
// the farm does fails a build: without a result from there, the compile runs here.

// farm knows which server executes commands, if any does.
type farm struct {
	s       *Service
	current remotecache.Current

	mu    sync.Mutex
	build string // the last that asked
	use   *farmUse
	kept  map[string]int // compiles that stayed here, by reason
}

// farmUse is the farm as one build may use it.
type farmUse struct {
	remotecache.Farm
	client  *remotecache.Client
	slots   *process.Slots // one for each command there
	dir     string         // for files on their way
	place   string         // scheme, host and port
	origin  string         // of what it makes, for people
	tools   farmTools
	workers workers
}

func newFarm(s *Service) *farm { return &farm{s: s, kept: make(map[string]int)} }

// keep counts a compile that stayed here.
func (f *farm) keep(id, why string) {
	f.s.log.Debug("compiled here", "id", id, "reason", why)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.kept[why]; known || len(f.kept) < maxKeptReasons {
		f.kept[why]++
	}
}

// of returns the farm that a build may use, nil if there is none. The files that say so are
// read once for each build.
func (f *farm) of(build string) *farmUse {
	if f.s.cfg.Farm == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.build == build && build != "" {
		return f.use
	}
	f.build = build
	wish := remotecache.Farm{}
	if f.s.tiers.remoteOff() == "" {
		wish = f.s.cfg.Farm()
	}
	client := f.current.Use(wish.Config, remotecache.Options{Notify: f.s.warn, Log: f.s.log})
	if client == nil {
		f.drop()
		return nil
	}
	if f.use == nil || f.use.client != client || f.use.Jobs != wish.Jobs {
		f.drop()
		dir, err := os.MkdirTemp("", "replibuild-farm-")
		if err != nil {
			f.s.log.Warn("the build farm is not used", "error", err)
			return nil
		}
		f.use = &farmUse{client: client, slots: process.NewGate(wish.Jobs), dir: dir}
	}
	f.use.Farm, f.use.place = wish, client.Health().URL
	f.use.origin = "compiled on the build farm " + f.use.place
	client.BeginBuild()
	return f.use
}

// drop forgets the use of the last build; f.mu is held.
func (f *farm) drop() {
	if f.use != nil {
		_ = os.RemoveAll(f.use.dir)
		f.use = nil
	}
}

func (f *farm) close() {
	_ = f.current.Close() // always nil
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

// stats are the numbers of the farm, nil if there is none.
func (f *farm) stats() []ipc.TierStats {
	c := f.current.Client()
	if c == nil {
		return nil
	}
	st := FarmStats(c.Health())
	f.mu.Lock()
	if f.use != nil {
		st.Slots = f.use.Jobs
	}
	st.Kept = maps.Clone(f.kept)
	f.mu.Unlock()
	return []ipc.TierStats{st}
}

// FarmStats are the numbers of a server that executes commands.
func FarmStats(h remotecache.Health) ipc.TierStats {
	return ipc.TierStats{
		Name: ipc.TierFarm, Place: h.URL, Hits: h.Executed, Misses: h.Refused, SavedSeconds: h.Ran.Seconds(),
		State: h.State, Why: h.Why, MayExecute: h.MayExecute, Running: h.Running, Latency: h.Latency.Seconds(),
		FetchedBytes: h.FetchedBytes,
	}
}

// staysHere says why an attempt does not go to a farm, "" if it may.
func (w *work) staysHere(t *attempt) string {
	switch {
	case t.never != "":
		return t.never
	case t.noBase != nil:
		return t.noBase.Error()
	case t.use.with != nil:
		return "it has a preamble"
	case w.timeTrace != "":
		return "its time is traced"
	case isAssembler(t.block.source):
		return "it is in assembler"
	}
	return t.block.compiler.staysHere()
}

// staysHere says why compiles of a command do not go to a farm, "" if they may. The list of
// options is that of results which serve elsewhere; what they say of folders does not matter,
// because all files have the same names there.
func (k *compiler) staysHere() string {
	if k.toolchain.Family != "clang" {
		return "its compiler is not clang"
	}
	if _, why := portable.Compile(k.recipe.Args[1:], portable.Roots{}); why != "" {
		return why
	}
	return k.wrapped()
}

// onFarm has a compile executed by the farm if that has room before this machine has. Without
// a result it returns the place in line for the compile here.
func (w *work) onFarm(ctx context.Context, t *attempt, local *place) (*result, *place) {
	if w.farm == nil || t.block == nil {
		return nil, local
	}
	if why := w.staysHere(t); why != "" {
		w.s.farm.keep(t.id, why)
		return nil, local
	}
	if !w.farm.client.Ready() {
		return nil, local
	}
	slot := w.farm.turn(ctx, t.rank, local)
	if slot == nil {
		return nil, local
	}
	r, refused := w.executeThere(ctx, t)
	slot.Release()
	if r != nil {
		return r, nil
	}
	w.s.farm.keep(t.id, refused.Error())
	return nil, w.line(t.action, t.rec)
}

// turn waits for a slot here or on the farm, whichever comes first. It returns nil if that is
// one here, or if ctx ends; else the place here is given up.
func (f *farmUse) turn(ctx context.Context, rank float64, local *place) *process.Slot {
	if local.ready() {
		return nil
	}
	want := f.slots.Line(1, false, rank)
	here, giveUp := context.WithCancel(ctx)
	defer giveUp()
	got := make(chan bool, 1)
	go func() { got <- local.wait(here) == nil }()
	select {
	case <-want.Turn():
		giveUp()
		if !<-got && ctx.Err() == nil {
			return want
		}
	case <-got:
	}
	want.Release()
	return nil
}

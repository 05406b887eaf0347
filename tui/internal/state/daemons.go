package state

import (
	"math"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Daemon is one daemon as the dashboard knows it.
type Daemon struct {
	ipc.DaemonStatus
	Since  time.Time // it runs since; zero if it does not
	Died   time.Time // when it was seen to have crashed; zero if it has not, or before this began
	RSS    []float64 // bytes, one sample a change, oldest first, at most maxTrend
	Doing  string    // what was asked of it and is not done: "restarting"
	raw    uint64    // requests as it said last
	looked time.Time // when it said so
}

// maxTrend is how many memory samples are kept.
const maxTrend = 60

// Up reports whether it runs.
func (d *Daemon) Up() bool { return d.State == ipc.StateRunning }

// SetStatus takes the state of the whole set in.
func (s *State) SetStatus(set ipc.SetStatus, at time.Time) {
	if set.Project != "" {
		s.Root, s.Set = set.Project, set.Set
	}
	for _, d := range set.Daemons {
		s.SetDaemon(d, at)
	}
	s.setSummary(set.Cache)
}

// SetDaemon takes the state of one daemon in.
func (s *State) SetDaemon(now ipc.DaemonStatus, at time.Time) {
	for i := range s.Daemons {
		d := &s.Daemons[i]
		if d.Name != now.Name {
			continue
		}
		since := time.Time{}
		if now.State == ipc.StateRunning {
			since = at.Add(-time.Duration(now.Uptime * float64(time.Second)))
		}
		if d.PID == now.PID && !d.Since.IsZero() && !since.IsZero() && since.Sub(d.Since).Abs() < 5*time.Second {
			since = d.Since // the same start, measured a little differently
		}
		d.died(now, at)
		d.trend(now)
		if n := len(d.RSS); n > 0 {
			now.RSS = int64(d.RSS[n-1])
		}
		now.Requests, d.raw, d.looked = d.calm(now, at.Sub(d.looked)), now.Requests, at
		now.Uptime = 0 // Since says it
		if d.DaemonStatus != now || d.Since != since {
			d.DaemonStatus, d.Since = now, since
			s.touch(Daemons)
		}
		return
	}
}

// died notes when a daemon that ran has crashed.
func (d *Daemon) died(now ipc.DaemonStatus, at time.Time) {
	switch {
	case now.State != ipc.StateCrashed:
		d.Died = time.Time{}
	case d.Up():
		d.Died = at
	}
}

// steady is how much memory may change without a new sample: a line that moves on
// while nothing happens is written to the terminal again and again.
const steady = 1 << 20

// trend adds a sample if it differs; a restart begins a new trend.
func (d *Daemon) trend(now ipc.DaemonStatus) {
	if now.PID != d.PID || now.RSS == 0 {
		d.RSS = nil
	}
	if n := len(d.RSS); now.RSS == 0 || n > 0 && math.Abs(d.RSS[n-1]-float64(now.RSS)) < steady {
		return
	}
	if len(d.RSS) == maxTrend {
		d.RSS = d.RSS[1:]
	}
	d.RSS = append(d.RSS, float64(now.RSS))
}

// calm keeps the number of requests still while only the dashboard and the
// orchestrator ask how a daemon does, which is some 2.5 times a second, so that an
// idle screen does not change.
func (d *Daemon) calm(now ipc.DaemonStatus, passed time.Duration) uint64 {
	asking := 5 + uint64(4*max(passed, 0)/time.Second)
	if now.PID == d.PID && now.Requests >= d.raw && now.Requests-d.raw <= asking {
		return d.Requests
	}
	return now.Requests
}

// SetDoing notes what was asked of daemons; "" when it is done.
func (s *State) SetDoing(doing string, names ...string) {
	for i := range s.Daemons {
		for _, name := range names {
			if s.Daemons[i].Name == name {
				s.Daemons[i].Doing = doing
			}
		}
	}
	s.touch(Daemons)
}

// Daemon is the daemon with that name, or nil.
func (s *State) Daemon(name string) *Daemon {
	for i := range s.Daemons {
		if s.Daemons[i].Name == name {
			return &s.Daemons[i]
		}
	}
	return nil
}

// Up counts the daemons that run and those that should.
func (s *State) Up() (up, of int) {
	for i := range s.Daemons {
		if s.Daemons[i].State != ipc.StateDisabled && s.Daemons[i].State != StateUnknown {
			of++
		}
		if s.Daemons[i].Up() {
			up++
		}
	}
	return up, of
}

// CacheNumbers is what is known of the cache.
type CacheNumbers struct {
	ipc.CacheStatsReply
	Known bool // more than hits, misses and bytes
}

// SetCache takes all of the cache's numbers in.
func (s *State) SetCache(c ipc.CacheStatsReply) {
	s.Cache = CacheNumbers{CacheStatsReply: c, Known: true}
	s.touch(Cache)
}

func (s *State) setSummary(c ipc.CacheSummary) {
	if s.Cache.Hits == c.Hits && s.Cache.Misses == c.Misses && s.Cache.Bytes == c.Bytes || c.Hits == 0 && c.Misses == 0 && c.Bytes == 0 {
		return
	}
	s.Cache.Hits, s.Cache.Misses, s.Cache.Bytes = c.Hits, c.Misses, c.Bytes
	s.touch(Cache)
}

// StateUnknown is a daemon's state in a replay that does not tell it.
const StateUnknown = "unknown"

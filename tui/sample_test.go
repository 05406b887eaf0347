package tui

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
)

// sampleNow is the moment at which the sample project is looked at.
var sampleNow = time.Date(2026, 3, 14, 12, 4, 37, 0, time.UTC)

// sampleFiles are the sources of the sample project with what they usually cost.
var sampleFiles = []struct {
	target, file string
	seconds      float64
}{
	{"net", "src/net/http.cpp", 3.0}, {"net", "src/net/tls.cpp", 2.2}, {"net", "src/net/dns.cpp", 0.9}, {"net", "src/net/socket.cpp", 0.7},
	{"render", "src/render/mesh.cpp", 2.4}, {"render", "src/render/shader.cpp", 1.8}, {"render", "src/render/scene_graph.cpp", 4.1},
	{"render", "src/render/texture.cpp", 1.1}, {"app", "src/main.cpp", 0.4}, {"app", "src/util.cpp", 1.8}, {"app", "src/config.cpp", 0.6},
	{"app", "src/ui/window.cpp", 2.9}, {"app", "src/ui/theme.cpp", 0.5}, {"app", "src/ui/très_long_名前/widget_factory.cpp", 1.3},
}

// sampleReplay is the event log of the sample project: four daemons, a day of builds,
// and a build that runs.
func sampleReplay() *Recorded {
	r := &Recorded{}
	at := sampleNow.Add(-30 * time.Second)
	add := func(after time.Duration, build string, body ipc.EventBody) {
		at = at.Add(after)
		r.Events = append(r.Events, ipc.Event{Schema: 1, Name: body.EventName(), Time: at, Build: build, Body: body})
	}
	add(0, "", sampleSnapshot())
	add(time.Second, "", sampleCache())
	tls := []ipc.Cause{{Kind: ipc.CauseChanged, Path: "include/net/tls.h"}}
	add(time.Second, "", ipc.DirtyChanged{Known: true, Count: 2, Nodes: []ipc.DirtyNode{{ID: "net:src/net/http.cpp", Causes: tls}, {ID: "net:src/net/tls.cpp", Causes: tls}}})
	id := "20260314-120415-4f2a91c0"
	add(13*time.Second, id, ipc.BuildStarted{Project: "app", Root: "/home/ada/src/app", Trigger: ipc.TriggerWatch, Daemons: true})
	add(20*time.Millisecond, id, ipc.BuildPlanned{Units: 61, Targets: 3, Dirty: 12, Expected: 21, Nodes: sampleNodes(12)})
	add(time.Millisecond, id, ipc.UnitsCached{Count: 49, Files: []string{"src/a.cpp"}})
	sampleUnits(add, id)
	add(100*time.Millisecond, "20260314-120431-77aa0102", ipc.BuildQueued{Position: 1, Trigger: ipc.TriggerCommand})
	add(100*time.Millisecond, "", ipc.Notice{Level: "info", Message: "the memory of 8 GB allows 6 compilers at a time"})
	sampleLog(r)
	return r
}

// sampleNodes are the IDs of the first n sources.
func sampleNodes(n int) (ids []string) {
	for _, f := range sampleFiles[:n] {
		ids = append(ids, f.target+":"+f.file)
	}
	return ids
}

func sampleSnapshot() ipc.Snapshot {
	s := ipc.Snapshot{Status: ipc.SetStatus{
		Schema: 1, Project: "/home/ada/src/app", Set: "app-1a2b3c4d",
		Cache: ipc.CacheSummary{Hits: 4210, Misses: 631, Bytes: 432 << 20},
	}}
	s.Dirty.Known = true
	for i, name := range ipc.DaemonNames() {
		s.Status.Daemons = append(s.Status.Daemons, ipc.DaemonStatus{
			Name: name, State: ipc.StateRunning, PID: 41200 + i, Port: 9001 + i, Uptime: 3*3600 + 720, RSS: int64(11+7*i) << 20, Requests: uint64(1204 * (i + 1)),
		})
	}
	s.Status.Daemons[1] = ipc.DaemonStatus{Name: ipc.NameSetup, State: ipc.StateCrashed, PID: 41201, Port: 9002, Restarts: 2, LastError: "panic: index out of range [3] with length 3"}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 24 {
		compiled := rng.IntN(14)
		r := ipc.BuildRecord{
			Build: fmt.Sprintf("202603%02d-1%d0415-%08x", 14-i/8, i%9, rng.Uint32()), Started: sampleNow.Add(-time.Duration(i*47+9) * time.Minute),
			Seconds: 0.3 + float64(compiled)*1.1, Trigger: []string{"command", "watch"}[i%2], Success: i%7 != 3,
			Counts: ipc.Counts{Compiled: compiled, Cached: 61 - compiled}, Hits: rng.IntN(30),
		}
		if !r.Success {
			r.Failed, r.Detail = 1, "src/net/http.cpp failed"
		}
		for _, f := range sampleFiles[:compiled] {
			r.Units = append(r.Units, ipc.UnitRecord{
				ID: f.target + ":" + f.file, File: f.file, Target: f.target, Status: ipc.StatusCompiled,
				Reason: ipc.Reason{Code: ipc.ReasonInput, Text: f.file + " changed"}, Seconds: f.seconds * (0.7 + rng.Float64()), CPU: f.seconds, Peak: 140 << 20, Bytes: 51 << 10,
			})
		}
		s.Recent = append(s.Recent, r)
	}
	return s
}

func sampleCache() ipc.CacheChanged {
	return ipc.CacheChanged{CacheStatsReply: ipc.CacheStatsReply{
		Dir: "/home/ada/.replibuild/cache/app-1a2b3c4d", Bytes: 432 << 20, MaxBytes: 1 << 30, Entries: 1203, Hits: 4210, Misses: 631,
		MissReasons: map[string]int64{"input": 402, "new": 122, "flags": 61, "compiler": 46}, Stored: 1240, Evicted: 31,
		SavedSeconds: 8062, OldestUnix: sampleNow.Add(-6 * 24 * time.Hour).Unix(),
	}}
}

func sampleUnits(add func(time.Duration, string, ipc.EventBody), id string) {
	for i, f := range sampleFiles[:12] {
		add(300*time.Millisecond, id, ipc.UnitStarted{File: f.file, Target: f.target, Seen: i != 9, Expected: f.seconds})
		if i == 4 || i == 6 || i == 11 {
			continue // still running
		}
		done := ipc.UnitFinished{
			File: f.file, Target: f.target, Status: ipc.StatusCompiled, Seen: true, Seconds: f.seconds * 1.1, CPU: f.seconds, Peak: int64(90+20*i) << 20, Bytes: int64(20+9*i) << 10,
			Reason: ipc.Reason{Code: ipc.ReasonInput, Text: "include/net/tls.h changed", Path: "include/net/tls.h"},
		}
		switch i {
		case 2:
			done.Status, done.Seconds, done.Saved, done.Reason = ipc.StatusCached, 0.004, 0.9, ipc.Reason{Code: ipc.ReasonHit, Text: "delivered from the cache"}
		case 5:
			done.Reason = ipc.Reason{Code: ipc.ReasonFlags, Text: "-O2 became -O3", Old: "-O2", New: "-O3"}
		case 9:
			done.Status, done.Exit, done.Reason = ipc.StatusFailed, 1, ipc.Reason{Code: ipc.ReasonError, Text: "the compiler reported errors"}
			done.Command = []string{"/usr/bin/clang++-19", "-std=c++20", "-O3", "-Iinclude", "-DNAME=\"a b\"", "-c", f.file, "-o", "build/obj/app/src/util.cpp.o"}
			done.Diagnostics = "\x1b[1msrc/util.cpp:42:17: \x1b[0m\x1b[0;1;31merror: \x1b[0mno member named 'lenght' in 'std::string'; did you mean 'length'?\n   42 |     return name.lenght();\n      |                 ^~~~~~\n      |                 length\n1 error generated.\n"
		}
		add(400*time.Millisecond, id, done)
	}
	add(200*time.Millisecond, id, ipc.LinkStarted{Target: "net", Output: "build/libnet.a"})
	add(150*time.Millisecond, id, ipc.LinkFinished{Target: "net", Output: "build/libnet.a", Status: ipc.StatusCompiled, Seconds: 0.15, Bytes: 3 << 20, Reason: ipc.Reason{Code: ipc.ReasonInput, Text: "build/obj/net/src/net/http.cpp.o changed"}})
}

func sampleLog(r *Recorded) {
	texts := []struct {
		source, level, text string
	}{
		{"discovery", "INFO", "changed path=include/net/tls.h dirty=2"},
		{"orchestrator", "INFO", "build started id=20260314-120415-4f2a91c0 trigger=watch"},
		{"compilation", "INFO", "compiled file=src/net/http.cpp ms=3304 bytes=51234 key=9f31c2d0a7"},
		{"compilation", "WARN", "memory is short: 3 compilers wait for 400 MB each, the limit is 2.1 GB; the longest has waited for 1.4 s, and the link of app will have to wait for it"},
		{"compilation", "DEBUG", "preamble reused file=src/net/tls.cpp saved_ms=804"},
		{"setup", "ERROR", "panic: index out of range [3] with length 3"},
		{"setup", "ERROR", "goroutine 41 [running]:"},
		{"orchestrator", "WARN", "the setup daemon does not answer; its work is done here"},
	}
	for i := range 60 {
		t := texts[i%len(texts)]
		r.Lines = append(r.Lines, logring.Line{Time: sampleNow.Add(time.Duration(i-62) * 400 * time.Millisecond), Source: t.source, Level: logring.LevelOf(t.level), Text: t.text})
	}
}

// testEnv is the environment of a terminal that can do everything.
func testEnv(more ...string) []string {
	return append([]string{"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "HOME=/home/ada"}, more...)
}

// sampleModel is the dashboard on the whole sample.
func sampleModel(t testing.TB, w, h int, s Settings, env ...string) *Model {
	t.Helper()
	m, err := New(Config{
		Replay: sampleReplay(), From: 30 * time.Second, Settings: s, Env: testEnv(env...), Location: time.UTC,
		timer: noTimers, now: func() time.Time { return sampleNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.size(w, h)
	m.state.SetPlan(samplePlan())
	m.state.SetLast(sampleLast())
	m.update(tickMsg{})
	return m
}

// sampleLast is what the sources cost before.
func sampleLast() (all []ipc.ExplainFact) {
	for _, f := range sampleFiles {
		all = append(all, ipc.ExplainFact{Build: "20260314-090000-aaaaaaaa", Time: sampleNow.Add(-time.Hour), UnitRecord: ipc.UnitRecord{
			ID: f.target + ":" + f.file, File: f.file, Target: f.target, Status: ipc.StatusCompiled, Seconds: f.seconds, Bytes: 40 << 10,
		}})
	}
	return all
}

func samplePlan() *ipc.Plan {
	p := &ipc.Plan{Project: "app", Root: "/home/ada/src/app", Toolchains: []ipc.Toolchain{{CXX: "/usr/bin/clang++-19"}},
		Commands: []ipc.Command{{Lang: "c++", Args: []string{"-std=c++20", "-O3", "-g", "-Iinclude", "-Ithird_party/fmt/include", "-Wall", "-Wextra"}}},
		Targets:  []ipc.Target{{Name: "net"}, {Name: "render"}, {Name: "app", Depends: []string{"net", "render"}}}}
	for _, f := range sampleFiles {
		p.Actions = append(p.Actions, ipc.Action{
			ID: f.target + ":" + f.file, Kind: ipc.ActionCompile, Target: f.target, Source: f.file, Outputs: []string{"build/obj/" + f.target + "/" + f.file + ".o"},
		})
	}
	for _, t := range p.Targets {
		p.Actions = append(p.Actions, ipc.Action{ID: ipc.LinkID(t.Name), Kind: ipc.ActionLink, Target: t.Name, Outputs: []string{t.Output}})
	}
	return p
}

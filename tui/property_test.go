package tui

import (
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
)

// anyText makes text that a file name, a compiler or a log could hold.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z/_.]{0,90}`),
		rapid.String(),
		rapid.SampledFrom([]string{"", "\x1b[31mred\x1b[0m", "\x1b]52;c;aGk=\a", "a\nb\tc\r\x00", "名前/ファイル.cpp", "e\u0301\u200d\u202eabc", "👩‍👩‍👧.cpp", string([]byte{0xff, 0xfe, 'a'})}),
	)
}

// anyEvent makes an event of any kind with any content.
func anyEvent(t *rapid.T) ipc.Event {
	text := func(name string) string { return anyText().Draw(t, name) }
	num := func(name string) float64 { return rapid.Float64Range(-10, 1e7).Draw(t, name) }
	size := func(name string) int64 { return rapid.Int64().Draw(t, name) }
	status := rapid.SampledFrom([]string{"cached", "compiled", "failed", "skipped", "?"}).Draw(t, "status")
	reason := ipc.Reason{Code: "input", Text: text("reason"), Old: text("old"), New: text("new")}
	bodies := []func() ipc.EventBody{
		func() ipc.EventBody { return ipc.BuildQueued{Position: 1, Trigger: text("trigger")} },
		func() ipc.EventBody {
			return ipc.BuildStarted{Project: text("project"), Root: text("root"), Trigger: text("trigger")}
		},
		func() ipc.EventBody {
			return ipc.BuildPlanned{Units: int(size("units")), Dirty: rapid.IntRange(-5, 1<<40).Draw(t, "dirty"), Expected: num("expected")}
		},
		func() ipc.EventBody { return ipc.UnitsCached{Count: rapid.IntRange(0, 1<<40).Draw(t, "count")} },
		func() ipc.EventBody {
			return ipc.UnitStarted{File: text("file"), Target: text("target"), Expected: num("expected")}
		},
		func() ipc.EventBody {
			return ipc.UnitFinished{File: text("file"), Target: text("target"), Status: status, Reason: reason, Seconds: num("s"), CPU: num("cpu"),
				Peak: size("peak"), Bytes: size("bytes"), Diagnostics: text("diagnostics"), Command: []string{text("arg"), text("arg")}}
		},
		func() ipc.EventBody { return ipc.LinkStarted{Target: text("target"), Output: text("output")} },
		func() ipc.EventBody {
			return ipc.LinkFinished{Target: text("target"), Output: text("output"), Status: status, Reason: reason, Seconds: num("s")}
		},
		func() ipc.EventBody {
			return ipc.StepFinished{Step: "step:" + text("step"), Status: status, Reason: reason, Seconds: num("s")}
		},
		func() ipc.EventBody {
			return ipc.BuildFinished{OK: rapid.Bool().Draw(t, "ok"), Seconds: num("s"), Detail: text("detail")}
		},
		func() ipc.EventBody {
			return ipc.Notice{Level: rapid.SampledFrom([]string{"info", "warning", "error"}).Draw(t, "level"), Message: text("message")}
		},
		func() ipc.EventBody {
			return ipc.DaemonChanged{DaemonStatus: ipc.DaemonStatus{Name: rapid.SampledFrom(append(ipc.DaemonNames(), "x")).Draw(t, "name"),
				State:  rapid.SampledFrom([]string{"running", "stopped", "starting", "crashed", "unresponsive", "disabled", "x"}).Draw(t, "state"),
				Uptime: num("up"), RSS: size("rss"), PID: int(size("pid")), Port: int(size("port")), LastError: text("error"), Restarts: rapid.IntRange(0, 1<<30).Draw(t, "restarts")}}
		},
		func() ipc.EventBody {
			return ipc.DirtyChanged{Known: rapid.Bool().Draw(t, "known"), Count: rapid.IntRange(0, 1<<30).Draw(t, "dirty"), Nodes: []ipc.DirtyNode{{ID: text("unit")}, {ID: "a:b", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: text("path")}}}}}
		},
		func() ipc.EventBody {
			return ipc.CacheChanged{CacheStatsReply: ipc.CacheStatsReply{Bytes: size("bytes"), MaxBytes: size("max"), Entries: size("entries"), Hits: size("hits"),
				Misses: size("misses"), MissReasons: map[string]int64{text("why"): size("n"), "new": 3}, SavedSeconds: num("saved"), OldestUnix: size("oldest"), ReadOnly: text("readonly")}}
		},
		func() ipc.EventBody {
			s := sampleSnapshot()
			s.Recent = s.Recent[:rapid.IntRange(0, len(s.Recent)).Draw(t, "recent")]
			s.Queue.Waiting = []ipc.BuildInfo{{Build: text("build"), Targets: []string{text("target")}, Since: sampleNow}}
			if rapid.Bool().Draw(t, "running") {
				s.Queue.Running = &ipc.BuildInfo{Build: "b1", Since: sampleNow, Units: 10, Jobs: []ipc.RunningJob{{ID: "a:" + text("file"), File: text("file"), Since: sampleNow}}}
			}
			return s
		},
		func() ipc.EventBody { return nil },
	}
	body := bodies[rapid.IntRange(0, len(bodies)-1).Draw(t, "kind")]()
	e := ipc.Event{Time: sampleNow.Add(time.Duration(rapid.IntRange(-1e6, 1e6).Draw(t, "at")) * time.Second), Build: rapid.SampledFrom([]string{"", "b1", "b2"}).Draw(t, "build"), Body: body}
	if body != nil {
		e.Name = body.EventName()
	}
	return e
}

// Whatever happens, at whatever size, theme and capability, after whatever keys: a frame has
// exactly h lines of w cells, and nothing in it that moves the cursor.
func TestFrameFits(t *testing.T) {
	t.Parallel()
	keys := []string{"n", "N", "!", "B", "a", "?", ":", "esc", "/", "x", "tab", "z", "+", "-", "1", "2", "3", "4", "5", "6", "j", "k", "G", "g", "pgdown", "ctrl+u", "]", "[", ">", "<", "i", "#", "enter", "w", "t", "f", "v", "n", "space", "p", "T", "e", "C", "c", "b", "u", "backspace"}
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{Theme: rapid.SampledFrom([]string{"dark", "light", "auto"}).Draw(t, "theme"), ASCII: rapid.Bool().Draw(t, "ascii")}
		env := rapid.SampledFrom([][]string{testEnv(), testEnv("NO_COLOR=1"), {"TERM=dumb"}, {"TERM=xterm", "LANG=C.UTF-8"}, {"TERM=linux"}, {"TERM=tmux-256color", "LC_ALL=de_DE.utf8"}}).Draw(t, "env")
		r := &Recorded{Events: []ipc.Event{{Time: sampleNow}}}
		m, err := New(Config{Replay: r, Settings: s, Env: env, Location: time.UTC, timer: noTimers, now: func() time.Time { return sampleNow }})
		if err != nil {
			t.Fatal(err)
		}
		w, h := rapid.IntRange(1, 250).Draw(t, "w"), rapid.IntRange(1, 80).Draw(t, "h")
		m.size(w, h)
		for range rapid.IntRange(0, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				m.press(rapid.SampledFrom(keys).Draw(t, "key"))
			case 1:
				m.log.Ring.Add(logring.Line{Time: sampleNow, Source: "setup", Text: cleanForTest(anyText().Draw(t, "line"))})
			case 2:
				m.update(tea.MouseMsg{X: rapid.IntRange(0, w).Draw(t, "x"), Y: rapid.IntRange(0, h).Draw(t, "y"), Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
			default:
				m.apply(anyEvent(t))
			}
			m.update(scanMsg{})
			checkFrame(t, m, w, h)
		}
		checkHarmless(t, m.View())
	})
}

// All sizes once, with the sample.
func TestFrameFitsAllSizes(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 80, 24, Settings{})
	for w := 1; w <= 250; w++ {
		for _, h := range [...]int{1, 2, 9, 10, 13, 14, 23, 24, 29, 30, 36, 59, 80} {
			m.size(w, h)
			checkFrame(t, m, w, h)
		}
	}
	for h := 1; h <= 80; h++ {
		for _, w := range [...]int{39, 40, 79, 80, 119, 120, 200} {
			m.size(w, h)
			checkFrame(t, m, w, h)
		}
	}
}

// checkHarmless fails if a frame has a control character or a sequence other than SGR.
func checkHarmless(t *rapid.T, frame string) {
	t.Helper()
	for i := 0; i < len(frame); i++ {
		switch c := frame[i]; {
		case c == 0x1b:
			end := i + 2
			for end < len(frame) && (frame[end] == ';' || frame[end] >= '0' && frame[end] <= '9') {
				end++
			}
			if frame[i+1] != '[' || end >= len(frame) || frame[end] != 'm' {
				t.Fatalf("an escape sequence got through: %q", frame[i:min(len(frame), i+20)])
			}
		case c < 0x20 && c != '\n' || c == 0x7f:
			t.Fatalf("a control character got through: %s", fmt.Sprintf("%q", frame[max(0, i-10):min(len(frame), i+10)]))
		}
	}
}

package tui

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

func TestDaemonKeys(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.NameDiscovery)
	m := liveModel(t, f)
	m.press("1")
	m.do(m.press("s"))
	m.wantText(t, "discovery runs already")
	m.press("esc", "j")
	m.do(m.press("x"))
	m.wantText(t, "setup does not run")
	m.press("esc")
	m.do(m.press("s"))
	if !f.was("start setup") {
		t.Errorf("s asked for %q", f.asked)
	}
	m.wantText(t, "2/4 up")
	m.do(m.press("r"))
	if !f.was("restart setup") {
		t.Errorf("r asked for %q", f.asked)
	}
	m.do(m.press("S"))
	if !f.was("start compilation orchestrator") {
		t.Errorf("S asked for %q", f.asked)
	}
	m.wantText(t, "4/4 up")
	m.press("X")
	m.wantText(t, "Stop all daemons?", "4 daemons")
	m.do(m.press("n"))
	m.wantText(t, "4/4 up")
	m.press("X")
	m.do(m.press("y"))
	m.wantText(t, "0/4 up", "stopped")
}

func TestDoingIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet(ipc.DaemonNames()...))
	m.press("1", "r")
	m.wantText(t, "restarting")
	m.press("r")
	m.wantText(t, "discovery is restarting")
}

func TestFailureIsToldWithItsHint(t *testing.T) {
	t.Parallel()
	f := newFakeSet()
	m := liveModel(t, f)
	f.err = ipc.Errorf(ipc.CodePortInUse, "port 9001 is taken").WithHint("choose another one")
	m.do(m.press("S"))
	m.wantText(t, "port 9001 is taken", "choose another one")
}

func TestClearAndUndo(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.do(m.press("u"))
	if !f.was("restore ") {
		t.Errorf("u without a clear of its own asked for %q", f.asked)
	}
	m.press("esc")
	m.do(m.press("c"))
	m.wantText(t, "Clear the cache?", "412 MB, 1,203 objects")
	m.press("enter") // not by accident
	if f.was("clear") {
		t.Fatal("enter cleared the cache")
	}
	m.do(m.press("c"))
	m.do(m.press("y"))
	if !f.was("clear") {
		t.Fatal("y did not clear the cache")
	}
	m.wantText(t, "cleared 412 MB, 1,203 objects", "u undo (10s)")
	m.do(m.press("u"))
	if !f.was("restore t1") {
		t.Errorf("u asked for %q", f.asked)
	}
	m.wantText(t, "restored 412 MB")
}

func TestUndoEnds(t *testing.T) {
	t.Parallel()
	now := sampleNow
	m := liveModel(t, newFakeSet(ipc.DaemonNames()...))
	m.cfg.now = func() time.Time { return now }
	m.do(m.press("c"))
	m.do(m.press("y"))
	now = now.Add(4 * time.Second)
	m.update(tickMsg{m.tickAt})
	m.wantText(t, "u undo (6s)")
	now = now.Add(7 * time.Second)
	m.update(tickMsg{m.tickAt})
	m.wantNoText(t, "undo (")
}

func TestBuildStartsTheDaemonsFirst(t *testing.T) {
	t.Parallel()
	f := newFakeSet()
	m := liveModel(t, f)
	m.do(m.press("b"))
	if !f.was("start discovery setup compilation orchestrator") || !f.was("build") {
		t.Errorf("b asked for %q", f.asked)
	}
}

func TestCancelAsksWithNumbers(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.do(m.press("C"))
	m.wantText(t, "no build runs")
	m.update(linkMsg{live: true})
	m.update(eventsMsg(sampleReplay().Events))
	m.press("esc", "C")
	m.wantText(t, "Cancel build 4f2a91c0?", "9 of 12 units are done")
	m.do(m.press("y"))
	if !f.was("cancel 20260314-120415-4f2a91c0") {
		t.Errorf("C asked for %q", f.asked)
	}
}

func TestQuitSaysWhatRuns(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet(ipc.DaemonNames()...))
	if _, quits := m.press("q")().(tea.QuitMsg); !quits || m.parting != "4 daemons keep running; `replibuild stop` ends them" {
		t.Errorf("q: %q", m.parting)
	}
	f := newFakeSet(ipc.DaemonNames()...)
	m = liveModel(t, f)
	m.press("Q")
	m.do(m.press("y"))
	if !f.was("stop discovery setup compilation orchestrator") || m.parting != "All daemons are stopped" {
		t.Errorf("Q: %q, asked %q", m.parting, f.asked)
	}
}

func TestReplayTouchesNothing(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 120, 36, Settings{})
	for _, key := range []string{"b", "c", "C", "s", "x", "r", "S", "X", "R", "Q"} {
		m.press(key)
		m.wantText(t, "this is a replay")
		m.press("esc")
	}
}

func TestDetailFollowsTheSelection(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 200, 78, Settings{})
	m.press("4", "/", "u", "t", "i", "l", "enter")
	m.wantText(t, "Detail · src/util.cpp", "no member named 'lenght'", "exit 1", "/util (1)")
	m.press("6", "z")
	m.wantText(t, "'-DNAME=\"a b\"'")
	m.press("z", "4", "esc", "1") // the daemon that crashed is selected
	m.wantText(t, "Detail · setup", "panic: index out of range [3] with length 3", "restarts   2")
	m.press("2", "j", "j", "j", "j", "j", "j", "j", "j")
	m.wantText(t, "Detail · build", "enter lists its files")
	m.press("enter")
	m.wantText(t, "dirty · build")
	m.press("esc")
	m.wantNoText(t, "dirty · build")
}

func TestFactsAreAskedOnceTheSelectionRests(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.update(eventsMsg(sampleReplay().Events))
	unit := m.detail.Subject.Unit
	m.update(restedMsg{"another:unit"})
	if f.was("explain build/libnet.a") || f.was("explain net") {
		t.Error("facts were asked for what is not selected")
	}
	_, cmd := m.Update(restedMsg{unit})
	m.do(cmd)
	if !f.was("explain net") {
		t.Errorf("asked: %q", f.asked)
	}
	m.press("6", "z")
	m.wantText(t, "inputs of the project 1", "include/net/tls.h", "inputs elsewhere 1", "read by 1", "target app")
}

func TestLogSettingsSurviveEachOther(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 120, 36, Settings{})
	m.press("5", "]", "]", "]", "w", "/", "m", "e", "m", "enter", "t", "v", "v")
	m.scanAll()
	f := m.log.Ring.Filter()
	if f.Source != "compilation" || f.Text != "mem" || !m.log.Wrap || m.log.Times {
		t.Errorf("settings got lost: %+v wrap=%v times=%v", f, m.log.Wrap, m.log.Times)
	}
	m.wantText(t, "Log: compilation", "/mem (8)", "warn and up", "wrap")
	m.press("k")
	m.wantText(t, "held")
	m.press("G")
	m.wantText(t, "follow")
	m.press("space", "esc")
	if f := m.log.Ring.Filter(); f.Text != "" || f.Source != "compilation" {
		t.Errorf("esc: %+v", f)
	}
}

func (m *Model) scanAll() {
	for m.log.Ring.Scan(1 << 20) {
	}
}

func TestSaveLogAndEvents(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	r := sampleReplay()
	m.update(eventsMsg(r.Events))
	m.update(logMsg(r.Lines))
	plan := samplePlan()
	plan.Env = []string{"TOKEN=secret"}
	m.update(planMsg{plan})
	m.press("5", "ctrl+s")
	m.wantText(t, "saved 72 lines")
	m.press("esc", "W")
	path := m.cfg.Saved + "/app-events-20260314-120437.jsonl"
	saved, err := ReadRecorded(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{Replay: saved, From: time.Hour, Env: testEnv(), Location: time.UTC, timer: noTimers, now: func() time.Time { return sampleNow }})
	if err != nil {
		t.Fatal(err)
	}
	again.size(120, 36)
	again.wantText(t, "src/ui/window.cpp", "9/12", "setup", "crashed", "the setup daemon does not answer")
	if p := again.state.Plan(); p == nil || len(p.Env) > 0 {
		t.Errorf("the plan of the replay: %+v", p)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is readable by others: %v %v", info.Mode(), err)
	}
	m.press("esc", "W") // never over another file
	m.wantText(t, "file exists")
}

func TestFreezeHoldsAndCatchesUp(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet(ipc.DaemonNames()...))
	m.press("p")
	before := m.View()
	m.update(eventsMsg(sampleReplay().Events))
	if m.View() != before {
		t.Error("a frozen view changed")
	}
	m.press("p")
	m.wantText(t, "src/ui/window.cpp")
}

func TestPalette(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.press(":", "r", "e", "s", "space", "c", "o", "m")
	m.wantText(t, "restart compilation")
	m.do(m.press("enter"))
	if !f.was("restart compilation") {
		t.Errorf("asked %q", f.asked)
	}
	m.press(":", "t", "h", "e", "m", "e", "space", "l", "enter")
	if m.ctx.P.Theme.Name != "light" {
		t.Error("the palette did not choose the theme")
	}
	m.press(":")
	m.press("q", "u", "i", "t", "down", "enter")
	m.wantText(t, "Stop all daemons and quit?")
}

func TestMouse(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 120, 36, Settings{})
	click := func(x, y int, b tea.MouseButton) {
		m.update(tea.MouseMsg{X: x, Y: y, Button: b, Action: tea.MouseActionPress})
	}
	m.View()
	click(5, 4, tea.MouseButtonLeft)
	if m.arrange.Focus != PaneDaemons || m.daemons.Selected(&m.ctx).Name != ipc.NameSetup {
		t.Errorf("a click on a row: focus %s, %s", m.arrange.Focus, m.daemons.Selected(&m.ctx).Name)
	}
	m.View()
	for _, item := range m.footer {
		if item.action == "help" {
			click(item.from+1, item.y, tea.MouseButtonLeft)
		}
	}
	m.wantText(t, "Keys · ? or esc closes")
	m.press("esc")
	click(5, 12, tea.MouseButtonWheelDown)
	if m.files.List.Cursor != 3 {
		t.Errorf("the wheel: row %d", m.files.List.Cursor)
	}
	m.size(60, 20)
	m.View()
	click(m.footer[4].from+1, m.footer[4].y, tea.MouseButtonLeft)
	if m.arrange.Focus != PaneLog {
		t.Errorf("a click on a tab: %s", m.arrange.Focus)
	}
}

func TestReplaySpeed(t *testing.T) {
	t.Parallel()
	r := &Recorded{Events: sampleReplay().Events}
	p := newPlayer(r, 1, 0)
	count := 0
	step := func(d time.Duration) {
		p.advance(d, func(ipc.Event) { count++ }, func(l logring.Line) {})
	}
	step(0)
	if count != 1 {
		t.Fatalf("%d events at the beginning", count)
	}
	step(2 * time.Second)
	if count != 3 {
		t.Errorf("%d events after 2 s", count)
	}
	step(time.Millisecond) // the gap of 13 s is cut
	step(2 * time.Second)
	if count < 4 {
		t.Errorf("%d events: the gap was not cut", count)
	}
	p.speed = 256
	step(time.Minute)
	if !p.ended() {
		t.Error("it does not end")
	}
}

func TestReplayRefusesWhatIsNoEventLog(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "no event", "{}\n": "line 1 is no event", "{\"event\":\"notice\"\n": "line 1", "\x00\x01": "line 1"} {
		if _, err := decodeRecorded(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadRecorded(t.TempDir() + "/missing"); ipc.CodeOf(err) != ipc.CodeBadRequest {
		t.Errorf("a missing file: %v", err)
	}
}

func TestSelectionStaysWithItsFile(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 120, 36, Settings{})
	m.press("4", "j", "j", "j")
	at := m.files.Selected().ID
	m.apply(ipc.NewEvent("20260314-120415-4f2a91c0", ipc.UnitStarted{File: "src/new.cpp", Target: "app"}))
	m.refresh()
	if got := m.files.Selected().ID; got != at {
		t.Errorf("the selection went from %s to %s", at, got)
	}
	m.press(">", ">", ">")
	if m.files.Sort != panes.SortTime || m.files.Selected().ID != at {
		t.Errorf("sorting: %s, selected %s", m.files.Sort, m.files.Selected().ID)
	}
}

func TestPanicInACommandIsTold(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet())
	m.do(ask(time.Second, func(context.Context) tea.Msg { panic(errors.New("boom")) }))
	if m.failure == nil || !strings.Contains(m.failure.Error(), "boom") {
		t.Errorf("failure: %v", m.failure)
	}
}

func TestUnknownLinkStates(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet())
	m.update(linkMsg{live: false})
	m.wantText(t, "no orchestrator", "starts it")
	m.state.SetLink(state.LinkConnecting)
	m.wantText(t, "connecting")
}

func TestKeysThatCameTogether(t *testing.T) {
	t.Parallel()
	f := newFakeSet()
	m := liveModel(t, f)
	m.do(m.press("1js"))
	if !f.was("start setup") {
		t.Errorf("asked %q", f.asked)
	}
	m.press("4/ab")
	if m.files.Filter != "ab" {
		t.Errorf("filter %q", m.files.Filter)
	}
}

// A stopped orchestrator keeps its stream for seconds; what is said of it does not.
func TestHungOrchestratorIsNotLive(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.update(linkMsg{live: true})
	m.wantText(t, "● live")
	set := f.Status(t.Context())
	for i := range set.Daemons {
		if set.Daemons[i].Name == ipc.NameOrchestrator {
			set.Daemons[i].State = ipc.StateUnresponsive
		}
	}
	m.update(statusMsg{set, sampleNow})
	m.wantText(t, "no answer", "unresponsive")
	m.wantNoText(t, "● live")
}

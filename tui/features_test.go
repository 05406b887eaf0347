package tui

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// liveSample is the sample project with its build, live.
func liveSample(t *testing.T) (*Model, *fakeSet) {
	t.Helper()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.update(linkMsg{live: true})
	m.update(planMsg{samplePlan()})
	m.update(eventsMsg(sampleReplay().Events))
	return m, f
}

func TestEditorOpensAtTheFirstError(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	if !strings.Contains(m.whyNot(m.keys.Named("edit")), "no source file") {
		t.Error("a target can be edited")
	}
	m.press("!")
	if u := m.detail.Unit; u == nil || u.Name != "src/util.cpp" || m.arrange.Focus != PaneDetail {
		t.Fatalf("! selected %+v", u)
	}
	if got := m.placeOf(m.detail.Unit); got != (location{"src/util.cpp", 42, 17}) {
		t.Errorf("the place is %+v", got)
	}
	if why := m.whyEdit(); !strings.Contains(why, "EDITOR") {
		t.Errorf("without an editor: %q", why)
	}
	for editor, want := range map[string]string{
		"vim": "vim +42 a.cc", "emacs -nw": "emacs -nw +42 a.cc", "code": "code --wait --goto a.cc:42:17", "/usr/bin/hx": "/usr/bin/hx a.cc:42:17",
	} {
		if got := strings.Join(editorCommand(strings.Fields(editor), location{"a.cc", 42, 17}), " "); got != want {
			t.Errorf("%s: %q, want %q", editor, got, want)
		}
	}
}

// The editor runs in the project with the user's environment.
func TestEditRunsTheEditor(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	dir := t.TempDir()
	m.state.Root = dir
	m.cfg.Env = append(testEnv(), "PATH="+os.Getenv("PATH"), "OUT="+filepath.Join(dir, "out"), "EDITOR="+filepath.Join(dir, "editor"))
	if err := os.WriteFile(filepath.Join(dir, "editor"), []byte("#!/bin/sh\necho \"$@\" >\"$OUT\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.press("!")
	if msg := m.press("E")(); msg.(editedMsg).err != nil {
		t.Fatal(msg)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out"))
	if want := "+42 " + filepath.Join(dir, "src/util.cpp") + "\n"; err != nil || string(text) != want {
		t.Errorf("the editor got %q, want %q (%v)", text, want, err)
	}
}

func TestNextFailure(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.press("1", "n")
	if u := m.files.Selected(); m.arrange.Focus != PaneFiles || u == nil || u.Status != ipc.StatusFailed {
		t.Errorf("n selected %+v", u)
	}
	m.press("N")
	m.wantText(t, "Detail · src/util.cpp")
}

func TestBuildSelected(t *testing.T) {
	t.Parallel()
	m, f := liveSample(t)
	var got []ipc.BuildRequest
	m.cfg.Orchestrator = recordingOrchestrator{fakeOrchestrator{set: f}, &got}
	m.press("!")
	m.do(m.press("B"))
	m.do(m.press("ctrl+b"))
	m.press("4", "/", "l", "i", "b", "n", "e", "t", "enter")
	m.do(m.press("B"))
	if len(got) != 3 || got[0].Files[0] != "src/util.cpp" || got[0].NoCache || !got[1].NoCache || got[2].Targets[0] != "net" {
		t.Errorf("asked for %+v", got)
	}
}

// Automatic builds follow changes, once these have ended, and only while they are on.
func TestAutoBuild(t *testing.T) {
	t.Parallel()
	m, f := liveSample(t)
	var got []ipc.BuildRequest
	m.cfg.Orchestrator = recordingOrchestrator{fakeOrchestrator{set: f}, &got}
	m.do(m.press("a"))
	m.wantText(t, "auto build")
	changed := eventsMsg{ipc.NewEvent("", ipc.FilesChanged{Paths: []string{"src/main.cpp"}, Dirty: 1})}
	m.update(changed)
	first := m.changes
	m.update(changed)
	_, cmd := m.Update(quietMsg{first}) // more came since
	m.do(cmd)
	if len(got) != 1 || got[0].Trigger != ipc.TriggerWatch {
		t.Fatalf("asked for %+v", got)
	}
	_, cmd = m.Update(quietMsg{m.changes})
	m.do(cmd)
	m.do(m.press("a"))
	_, cmd = m.Update(quietMsg{m.changes})
	m.do(cmd)
	if len(got) != 2 {
		t.Errorf("%d builds, want 2", len(got))
	}
}

// recordingOrchestrator keeps the requests for builds.
type recordingOrchestrator struct {
	fakeOrchestrator
	got *[]ipc.BuildRequest
}

func (o recordingOrchestrator) Build(ctx context.Context, r ipc.BuildRequest, fn func(ipc.Event)) (ipc.BuildReply, error) {
	*o.got = append(*o.got, r)
	return o.fakeOrchestrator.Build(ctx, r, fn)
}

func TestSortIsRemembered(t *testing.T) {
	t.Parallel()
	m, f := liveSample(t)
	m.cfg.Memory = filepath.Join(t.TempDir(), "home", "tui-state.json")
	m.files.Sort = panes.SortStatus
	m.do(m.press("4", ">"))
	m.do(m.press("i"))
	if m.files.Sort != panes.SortTime {
		t.Fatalf("sorted by %v", m.files.Sort)
	}
	next, err := New(Config{Root: "/x", Project: f, Memory: m.cfg.Memory, Env: testEnv(), now: m.cfg.now})
	if err != nil || next.files.Sort != panes.SortTime || !next.files.Up {
		t.Errorf("the next one sorts by %v, up %v (%v)", next.files.Sort, next.files.Up, err)
	}
	if err := os.WriteFile(m.cfg.Memory, []byte("{damage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if next, err = New(Config{Root: "/x", Project: f, Memory: m.cfg.Memory, Env: testEnv(), now: m.cfg.now}); err != nil || next.files.Sort != panes.SortRecent {
		t.Errorf("a damaged file: %v, %v", next.files.Sort, err)
	}
}

// < and > sort by columns that are seen only; the head shows the order.
func TestSortSkipsInvisibleColumns(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.size(80, 24)
	m.press("4")
	m.text()
	var seen []string
	for range 6 {
		m.press(">")
		m.text()
		seen = append(seen, m.files.Sort.String())
	}
	if slices.Contains(seen, "cpu") || !slices.Contains(seen, "time") {
		t.Errorf("sorted by %v", seen)
	}
	m.files.Sort, m.files.Up = panes.SortTime, false
	m.files.Changed()
	m.wantText(t, "time▾")
	m.press("i")
	m.wantText(t, "time▴")
}

func TestClickSortsAndAnswers(t *testing.T) {
	t.Parallel()
	m, f := liveSample(t)
	click := func(what string) {
		t.Helper()
		for y, line := range strings.Split(m.text(), "\n") {
			if i := strings.Index(line, what); i >= 0 {
				x := ansi.StringWidth(line[:i])
				_, cmd := m.Update(tea.MouseMsg{X: x, Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
				m.do(cmd)
				return
			}
		}
		t.Fatalf("%q is not on the screen:\n%s", what, m.text())
	}
	click("status ")
	if m.files.Sort != panes.SortStatus || m.files.Up {
		t.Errorf("a click sorts by %v", m.files.Sort)
	}
	click("status")
	if !m.files.Up {
		t.Error("the second click does not turn the order around")
	}
	m.press("X")
	click("n cancel")
	if m.overlay != nil || f.was("stop discovery compilation orchestrator") {
		t.Error("a click on n does not cancel")
	}
	m.press("X")
	click("y stop them")
	if !f.was("stop discovery compilation orchestrator") {
		t.Error("a click on y does nothing")
	}
}

// r restarts what crashed: the cursor goes there unless somebody chose another row, and
// then r asks.
func TestRestartWhichDaemon(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	f.kill(ipc.NameCompilation)
	m.update(statusMsg{f.Status(t.Context()), sampleNow})
	if m.one() != ipc.NameCompilation {
		t.Errorf("the cursor is on %s", m.one())
	}
	m.press("1", "g")
	m.press("4", "r")
	m.wantText(t, "Restart compilation?", "the cursor is on discovery", "o restart discovery")
	m.do(m.press("y"))
	if !f.was("restart compilation") || f.was("restart discovery") {
		t.Errorf("asked for %q", f.asked)
	}
	m.wantText(t, "restarted compilation (PID 102)")
}

func TestPaletteStaysInPlace(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.press(":")
	height := func() int { return len(m.overlay.draw(m, m.w, m.h)) }
	all := height()
	if p := m.overlay.(*palette); p.all[0].name != "build" || p.all[1].name != "restart" {
		t.Errorf("it begins with %s, %s", p.all[0].name, p.all[1].name)
	}
	m.press("z", "o", "o", "m")
	if height() != all {
		t.Errorf("%d rows, then %d", all, height())
	}
}

func TestSavedOutsideTheSources(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.cfg.Saved = filepath.Join(t.TempDir(), "new", "saved")
	m.press("W")
	files, err := os.ReadDir(m.cfg.Saved)
	if err != nil || len(files) != 1 || !strings.HasPrefix(files[0].Name(), "app-events-") {
		t.Errorf("saved: %v, %v", files, err)
	}
}

func TestSwitchProject(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.cfg.Sets = func() ([]string, error) { return []string{"/home/ada/src/app", "/home/ada/src/other"}, nil }
	m.press("@")
	m.wantText(t, "Projects", "/home/ada/src/other")
	if cmd := m.press("j", "enter"); cmd == nil || m.next != "/home/ada/src/other" {
		t.Errorf("switched to %q", m.next)
	}
}

// Without daemons the history on disk is shown.
func TestHistoryWithoutDaemons(t *testing.T) {
	t.Parallel()
	f := newFakeSet()
	m := liveModel(t, f)
	m.fetch = true
	m.do(m.Init())
	if !f.was("history") || len(m.state.History) == 0 {
		t.Errorf("asked %q, %d builds", f.asked, len(m.state.History))
	}
	m.wantNoText(t, "no builds yet")
}

// A build whose orchestrator does not answer any more stands still.
func TestContactLostIsShown(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	m.update(linkMsg{live: false})
	m.wantText(t, "contact lost", "no orchestrator")
	m.size(80, 24)
	m.wantText(t, "contact lost")
	for _, u := range m.state.All {
		if u.Status == state.StatusRunning || u.Status == state.StatusQueued || u.Status == state.StatusUpToDate {
			t.Errorf("%s is %s, though its state is unknown", u.Name, u.Status)
		}
	}
	m.wantNoText(t, "▸ running")
	m.size(120, 36)
	before := m.text()
	m.state.SetNow(sampleNow.Add(7e9))
	if c := m.state.Current; c.Elapsed(m.state.Clock()) != c.Elapsed(sampleNow) {
		t.Error("the clock of the build goes on")
	}
	if strings.Contains(before, state.StatusUpToDate) && strings.Contains(before, "≡ up to date") {
		t.Error("files are up to date, though no daemon watches")
	}
}

func TestEstimateEndsWithTheUnits(t *testing.T) {
	t.Parallel()
	m, _ := liveSample(t)
	c := m.state.Current
	if c.Left(sampleNow) < 0 {
		t.Fatal("there is no estimate while units are left")
	}
	for _, u := range slices.Clone(c.Jobs()) {
		m.apply(ipc.Event{Time: sampleNow, Build: c.ID, Body: ipc.UnitFinished{File: u.Name, Target: u.Target, Status: ipc.StatusCompiled}})
	}
	if done, of := c.Progress(); done != of {
		t.Fatalf("%d of %d", done, of)
	}
	if c.Left(sampleNow) >= 0 {
		t.Error("there is an estimate at 100 %")
	}
}

// Without contact another process may end the build: the history is asked now and then.
func TestHistoryIsAskedWithoutContact(t *testing.T) {
	t.Parallel()
	m, f := liveSample(t)
	m.update(linkMsg{live: false})
	f.asked = nil
	m.do(m.handle(statusMsg{f.Status(t.Context()), sampleNow}))
	if !f.was("history") {
		t.Fatalf("asked %q", f.asked)
	}
	m.historyAnswered(historyMsg{reply: ipc.HistoryReply{Builds: []ipc.BuildRecord{{Build: "later", Started: sampleNow, Success: true}}}})
	m.refresh()
	m.wantNoText(t, "contact lost")
}

// An orchestrator of another version runs, but nothing is heard of it; a build replaces it.
func TestOrchestratorOfAnotherVersion(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	m := liveModel(t, f)
	m.update(linkMsg{live: false})
	m.wantText(t, "no orchestrator")
	m.state.SetDaemon(ipc.DaemonStatus{Name: ipc.NameOrchestrator, State: ipc.StateRunning, PID: 7, LastError: "it speaks protocol 1, this program 2"}, sampleNow)
	m.wantText(t, "other version", "not known: the orchestrator does not answer")
	m.wantNoText(t, "no orchestrator", "no builds yet", "the first build tells")
	m.do(m.press("b"))
	if !f.was("start orchestrator") {
		t.Errorf("asked %q", f.asked)
	}
}

// TestUserSet has the dashboard of the user set, which says nothing of builds that it cannot make.
func TestUserSet(t *testing.T) {
	t.Parallel()
	for _, launched := range []bool{false, true} {
		m := liveModel(t, newFakeSet(ipc.NameCompilation))
		m.state.Launched, m.state.Link = launched, state.LinkLive
		m.size(121, 36)
		text := m.text()
		for _, words := range []string{"changes not followed", "b build", "b builds"} {
			if strings.Contains(text, words) == launched {
				t.Errorf("user set %v, and %q:\n%s", launched, words, text)
			}
		}
		m.do(m.press("b"))
		if text := m.text(); strings.Contains(text, "the user set builds nothing by itself") != launched {
			t.Error(text)
		}
	}
}

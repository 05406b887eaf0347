package tui

import (
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// In the wide layout no pane has blank rows while another one could use them.
func TestWideLayoutSharesRows(t *testing.T) {
	t.Parallel()
	rows := func(a arrangement, h int) (heights [paneEnd]int) {
		for _, p := range arrangeWide(Rect{0, 1, 200, h}, a) {
			heights[p.Pane] = p.H
		}
		return heights
	}
	little := arrangement{Wants: [paneEnd]int{PaneFiles: 10, PaneBuild: 8, PaneCache: 8, PaneDetail: 6, PaneLog: 80}}
	if got := rows(little, 58); got[PaneLog] < 58-22-1 {
		t.Errorf("the log has %d rows though nothing else wants them: %v", got[PaneLog], got)
	}
	builds := arrangement{Wants: [paneEnd]int{PaneFiles: 80, PaneBuild: 60, PaneCache: 8, PaneDetail: 6, PaneLog: 80}}
	if got := rows(builds, 58); got[PaneDetail] != 6 {
		t.Errorf("the detail has rows that the builds want: %v", got)
	}
	detail := arrangement{Wants: [paneEnd]int{PaneFiles: 80, PaneBuild: 8, PaneCache: 8, PaneDetail: 60, PaneLog: 80}}
	if got := rows(detail, 58); got[PaneBuild] != 8 {
		t.Errorf("the builds have rows that the detail wants: %v", got)
	}
}

// Files that the build has not touched follow those that it has.
func TestFilesInPlace(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 200, 60, Settings{})
	m.press("4", ">") // by name: the groups stay
	text := m.text()
	touched, rest := strings.Index(text, "src/util.cpp"), strings.Index(text, "src/ui/theme.cpp")
	if touched < 0 || rest < touched || !strings.Contains(text, "src/ui/theme.cpp           ≡ up to date") {
		t.Errorf("src/ui/theme.cpp is not up to date beneath the others:\n%s", text)
	}
	m.press("#")
	m.wantNoText(t, "≡ up to date")
}

// A plan that cannot be read is what the detail is about.
func TestDetailOfABuildThatCameToNothing(t *testing.T) {
	t.Parallel()
	m := sampleModel(t, 120, 36, Settings{})
	m.apply(ipc.NewEvent("b9", ipc.BuildStarted{Trigger: ipc.TriggerCommand}))
	m.apply(ipc.NewEvent("b9", ipc.BuildFinished{Detail: "replibuild.toml:1:9: not valid TOML"}))
	m.refresh()
	m.wantText(t, "6 Detail · build b9", "nothing was done")
}

package tui

import "fmt"

// PaneID names a pane by the key that jumps to it.
type PaneID int

// The panes.
const (
	PaneDaemons PaneID = 1 + iota
	PaneBuild
	PaneCache
	PaneFiles
	PaneLog
	PaneDetail
	paneEnd
)

var paneNames = [...]string{"", "daemons", "build", "cache", "files", "log", "detail"}

// String is the pane's name.
func (p PaneID) String() string { return paneNames[p] }

// Rect is a place on the screen in cells.
type Rect struct{ X, Y, W, H int }

func (r Rect) contains(x, y int) bool { return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H }

// Placed is a pane with its place.
type Placed struct {
	Pane PaneID
	Rect
}

// Mode is one of the layouts.
type Mode int

// The layouts, from least to most room.
const (
	ModeTooSmall Mode = iota
	ModeSingle        // one pane, the focused one
	ModeNormal        // daemons and build, files, and one of cache, log, detail
	ModeWide          // all
)

// The least sizes of the layouts.
const (
	minWidth, minHeight       = 40, 10
	normalWidth, normalHeight = 80, 24
	wideWidth, wideHeight     = 120, 30
)

// modeOf is the layout for a size.
func modeOf(w, h int) Mode {
	switch {
	case w >= wideWidth && h >= wideHeight:
		return ModeWide
	case w >= normalWidth && h >= normalHeight:
		return ModeNormal
	case w >= minWidth && h >= minHeight:
		return ModeSingle
	}
	return ModeTooSmall
}

// arrangement is what the user chose about the layout.
type arrangement struct {
	Focus  PaneID
	Slot   PaneID // of cache, log and detail the one to be seen in the normal layout
	Zoom   bool
	Wider  int          // cells that the left column has more than usual
	Taller int          // rows that the log has more than usual
	Wants  [paneEnd]int // rows that panes can use, borders included, see [Model.want]
}

// arrange tiles the rows from top to top+h of a screen of width w with panes.
func arrange(mode Mode, w, top, h int, a arrangement) []Placed {
	all := Rect{0, top, w, h}
	switch {
	case mode == ModeSingle || a.Zoom:
		return []Placed{{a.Focus, all}}
	case mode == ModeNormal:
		return arrangeNormal(all, a)
	case mode == ModeWide:
		return arrangeWide(all, a)
	}
	return nil
}

// arrangeNormal stacks three bands: daemons beside build, files, and the slot.
func arrangeNormal(all Rect, a arrangement) []Placed {
	band := 7
	if all.H > 30 {
		band += (all.H - 30) / 4
	}
	slot := clamp((all.H-band)*45/100+a.Taller, 4, all.H-band-4)
	left := clamp(all.W*50/100+a.Wider, 24, all.W-24)
	files := all.H - band - slot
	return []Placed{
		{PaneDaemons, Rect{0, all.Y, left, band}},
		{PaneBuild, Rect{left, all.Y, all.W - left, band}},
		{PaneFiles, Rect{0, all.Y + band, all.W, files}},
		{a.Slot, Rect{0, all.Y + band + files, all.W, slot}},
	}
}

// wideLeft is the width of the left column of the wide layout.
func wideLeft(w int, a arrangement) int { return clamp(w*57/100+a.Wider, 40, w-40) }

// arrangeWide has two columns, daemons and files beside build, cache and detail, and
// the log beneath both. Rows that one pane cannot use go to one that can: to the
// detail from the build and the other way round, to the log from both columns.
func arrangeWide(all Rect, a arrangement) []Placed {
	const daemons, minBuild, minDetail = 7, 7, 6
	const enoughBuild = 14 // the builds of last week can wait while the log has something to say
	want := a.Wants
	cache := 6
	if all.H >= 48 {
		cache = clamp(want[PaneCache], 6, 12)
	}
	need := max(daemons+want[PaneFiles], clamp(want[PaneBuild], minBuild, enoughBuild)+cache+max(want[PaneDetail], minDetail))
	log := all.H * 25 / 100
	log = clamp(max(log, min(want[PaneLog], all.H-need))+a.Taller, 4, all.H-20)
	body := all.H - log
	left := wideLeft(all.W, a)
	rest := body - cache
	build := clamp(want[PaneBuild], minBuild, max(minBuild, rest*45/100, rest-max(want[PaneDetail], minDetail)))
	right := all.W - left
	return []Placed{
		{PaneDaemons, Rect{0, all.Y, left, daemons}},
		{PaneFiles, Rect{0, all.Y + daemons, left, body - daemons}},
		{PaneBuild, Rect{left, all.Y, right, build}},
		{PaneCache, Rect{left, all.Y + build, right, cache}},
		{PaneDetail, Rect{left, all.Y + build + cache, right, rest - build}},
		{PaneLog, Rect{0, all.Y + body, all.W, log}},
	}
}

func clamp(n, lo, hi int) int { return max(lo, min(n, hi)) }

// tooSmall is what a terminal without room shows.
func tooSmall(w, h int) []string {
	return []string{
		"replibuild", fmt.Sprintf("this terminal: %dx%d", w, h), fmt.Sprintf("needed: %dx%d", minWidth, minHeight), "q quits",
	}
}

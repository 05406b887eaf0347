package tui

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// Action is something that a key does; its name is what `[keys]` of tui.toml remaps.
type Action string

// Binding is one row of the key table: the handler, the footer, the help, the palette
// and docs/keys.md are made from it.
type Binding struct {
	Action Action
	Keys   []string // as Bubble Tea names them: "ctrl+u", "shift+tab", "space"
	In     PaneID   // works only while this pane has the focus; 0 = everywhere
	Short  string   // for the footer; "" = never there
	Long   string
	Group  string
	do     func(*Model) effect
	why    func(*Model) string // why it cannot be done now, "" if it can
}

// Groups of the help, in order.
const (
	groupMove  = "Move"
	groupView  = "View"
	groupBuild = "Build and cache"
	groupSet   = "Daemons"
	groupFiles = "Files"
	groupLogs  = "Logs"
	groupOther = "Other"
)

var groups = []string{groupMove, groupView, groupBuild, groupSet, groupFiles, groupLogs, groupOther}

// bindings is the key table.
func bindings() []Binding {
	return slices.Concat(moveBindings(), viewBindings(), buildBindings(), setBindings(), filesBindings(), logBindings(), otherBindings())
}

func moveBindings() []Binding {
	move := func(n int) func(*Model) effect { return func(m *Model) effect { return m.move(n) } }
	page := func(share float64) func(*Model) effect {
		return func(m *Model) effect { return m.move(int(share * float64(m.pageSize()))) }
	}
	return []Binding{
		{Action: "up", Keys: []string{"k", "up"}, Long: "one row up", Group: groupMove, do: move(-1)},
		{Action: "down", Keys: []string{"j", "down"}, Long: "one row down", Group: groupMove, do: move(1)},
		{Action: "half_up", Keys: []string{"ctrl+u"}, Long: "half a page up", Group: groupMove, do: page(-0.5)},
		{Action: "half_down", Keys: []string{"ctrl+d"}, Long: "half a page down", Group: groupMove, do: page(0.5)},
		{Action: "page_up", Keys: []string{"pgup"}, Long: "a page up", Group: groupMove, do: page(-1)},
		{Action: "page_down", Keys: []string{"pgdown"}, Long: "a page down", Group: groupMove, do: page(1)},
		{Action: "top", Keys: []string{"g", "home"}, Long: "the first row", Group: groupMove, do: move(-1 << 30)},
		{Action: "bottom", Keys: []string{"G", "end"}, Long: "the last row; in the log: follow", Group: groupMove, do: move(1 << 30)},
		{Action: "next_pane", Keys: []string{"tab"}, Long: "the next pane", Group: groupMove, do: func(m *Model) effect { return m.cyclePane(1) }},
		{Action: "previous_pane", Keys: []string{"shift+tab"}, Long: "the pane before", Group: groupMove, do: func(m *Model) effect { return m.cyclePane(-1) }},
		{Action: "previous_tab", Keys: []string{"[", "left", "h"}, Long: "the tab before: which files, whose log", Group: groupMove, do: func(m *Model) effect { return m.tab(-1) }},
		{Action: "next_tab", Keys: []string{"]", "right"}, Long: "the next tab: which files, whose log", Group: groupMove, do: func(m *Model) effect { return m.tab(1) }},
		{Action: "open", Keys: []string{"enter"}, Short: "open", Long: "the detail of a file or daemon, the files of a build", Group: groupMove, do: (*Model).open},
		{Action: "back", Keys: []string{"esc"}, Short: "back", Long: "clear the filter, leave zoom, go back to the current build", Group: groupMove, do: (*Model).back},
	}
}

func viewBindings() []Binding {
	all := []Binding{}
	for p := PaneDaemons; p < paneEnd; p++ {
		all = append(all, Binding{
			Action: Action("pane_" + p.String()), Keys: []string{fmt.Sprint(int(p))}, Long: "the " + p.String() + " pane", Group: groupView,
			do: func(m *Model) effect { return m.setFocus(p) },
		})
	}
	return append(all,
		Binding{Action: "logs", Keys: []string{"l"}, Short: "logs", Long: "the log of the selected daemon, else of all", Group: groupView, do: (*Model).showLogs},
		Binding{Action: "zoom", Keys: []string{"z"}, Short: "zoom", Long: "the focused pane alone, and back", Group: groupView, do: (*Model).zoom},
		Binding{Action: "grow", Keys: []string{"+", "="}, Long: "give the focused pane more room", Group: groupView, do: func(m *Model) effect { return m.resize(2) }},
		Binding{Action: "shrink", Keys: []string{"-"}, Long: "give the focused pane less room", Group: groupView, do: func(m *Model) effect { return m.resize(-2) }},
		Binding{Action: "freeze", Keys: []string{"p"}, Short: "hold", Long: "hold the view still while things go on; in a replay: pause", Group: groupView, do: (*Model).freeze},
		Binding{Action: "theme", Keys: []string{"T"}, Long: "the next theme", Group: groupView, do: (*Model).nextTheme},
		Binding{Action: "mouse", Keys: []string{"m"}, Long: "release the mouse, so that the terminal selects text; and back", Group: groupView, do: (*Model).toggleMouse},
		Binding{Action: "copy", Keys: []string{"y"}, Short: "copy", Long: "copy the row, in the detail the command line, to the clipboard (OSC 52)", Group: groupView, do: (*Model).copy},
		Binding{Action: "redraw", Keys: []string{"ctrl+l"}, Long: "ask for everything again and draw the screen anew", Group: groupView, do: (*Model).redraw},
	)
}

func buildBindings() []Binding {
	return []Binding{
		{Action: "build", Keys: []string{"b"}, Short: "build", Long: "bring all targets up to date, with the environment of the dashboard", Group: groupBuild, do: (*Model).build, why: (*Model).whyBuild},
		{Action: "build_selected", Keys: []string{"B"}, Short: "build this", Long: "build the selected file or target only", Group: groupBuild, do: func(m *Model) effect { return m.buildSelected(false) }, why: (*Model).whyBuild},
		{Action: "force_selected", Keys: []string{"ctrl+b"}, Long: "compile or link the selected file or target again, whatever the cache has", Group: groupBuild, do: func(m *Model) effect { return m.buildSelected(true) }, why: (*Model).whyBuild},
		{Action: "auto_build", Keys: []string{"a"}, Long: "build after each change while the dashboard runs, and stop that", Group: groupBuild, do: (*Model).toggleAuto, why: (*Model).whyBuild},
		{Action: "cancel", Keys: []string{"C"}, Short: "cancel", Long: "cancel the selected build that waits, else the one that runs (asks first)", Group: groupBuild, do: (*Model).cancelBuild, why: (*Model).whyCancel},
		{Action: "explain", Keys: []string{"e"}, Short: "explain", Long: "why the selected file was compiled: the detail pane, asked anew", Group: groupBuild, do: (*Model).explain},
		{Action: "clear_cache", Keys: []string{"c"}, Short: "clear cache", Long: "empty the cache (asks first, with numbers)", Group: groupBuild, do: (*Model).clearCache, why: (*Model).whyLive},
		{Action: "undo", Keys: []string{"u"}, Long: "restore what was cleared from the cache last", Group: groupBuild, do: (*Model).undoClear, why: (*Model).whyLive},
	}
}

func setBindings() []Binding {
	return []Binding{
		{Action: "start", Keys: []string{"s"}, Short: "start", Long: "start the selected daemon", Group: groupSet, do: (*Model).startOne, why: (*Model).whyStart},
		{Action: "stop", Keys: []string{"x"}, Short: "stop", Long: "stop the selected daemon", Group: groupSet, do: (*Model).stopOne, why: (*Model).whyStop},
		{Action: "restart", Keys: []string{"r"}, Short: "restart", Long: "restart the selected daemon", Group: groupSet, do: (*Model).restartOne, why: (*Model).whyRestart},
		{Action: "start_all", Keys: []string{"S"}, Short: "start all", Long: "start all daemons that do not run", Group: groupSet, do: (*Model).startAll, why: (*Model).whyStartAll},
		{Action: "stop_all", Keys: []string{"X"}, Long: "stop all daemons (asks first)", Group: groupSet, do: (*Model).stopAll, why: (*Model).whyStopAll},
		{Action: "restart_all", Keys: []string{"R"}, Long: "restart all daemons (asks first)", Group: groupSet, do: (*Model).restartAll, why: (*Model).whyLive},
	}
}

func filesBindings() []Binding {
	return []Binding{
		{Action: "filter", Keys: []string{"/"}, Short: "filter", Long: "filter files, in the log lines: words that must be there, !word must not; esc clears", Group: groupFiles, do: (*Model).filter},
		{Action: "sort_next", Keys: []string{">"}, Short: "sort", Long: "sort by the next column", Group: groupFiles, do: func(m *Model) effect { return m.sort(1) }},
		{Action: "sort_previous", Keys: []string{"<"}, Long: "sort by the column before", Group: groupFiles, do: func(m *Model) effect { return m.sort(-1) }},
		{Action: "sort_reverse", Keys: []string{"i"}, Long: "turn the order around", Group: groupFiles, do: (*Model).reverse},
		{Action: "next_failure", Keys: []string{"n"}, Short: "next failure", Long: "the next file that failed", Group: groupFiles, do: func(m *Model) effect { return m.nextFailure(1) }},
		{Action: "previous_failure", Keys: []string{"N"}, Long: "the file that failed before", Group: groupFiles, do: func(m *Model) effect { return m.nextFailure(-1) }},
		{Action: "first_error", Keys: []string{"!"}, Long: "the first error of the build, with what the compiler says", Group: groupFiles, do: (*Model).firstError},
		{Action: "edit", Keys: []string{"E"}, Short: "edit", Long: "open the selected file in $EDITOR, at its first error", Group: groupFiles, do: (*Model).edit, why: (*Model).whyEdit},
		{Action: "slowest", Keys: []string{"#"}, Short: "slowest", Long: "only the ten that took longest, and back", Group: groupFiles, do: (*Model).slowest},
	}
}

func logBindings() []Binding {
	return []Binding{
		{Action: "follow", Keys: []string{"f"}, In: PaneLog, Short: "follow", Long: "follow the end of the log, or hold it", Group: groupLogs, do: (*Model).follow},
		{Action: "wrap", Keys: []string{"w"}, In: PaneLog, Short: "wrap", Long: "wrap long lines", Group: groupLogs, do: (*Model).wrap},
		{Action: "times", Keys: []string{"t"}, In: PaneLog, Long: "show the time of each line", Group: groupLogs, do: (*Model).times},
		{Action: "level", Keys: []string{"v"}, In: PaneLog, Short: "level", Long: "the least level that is shown", Group: groupLogs, do: (*Model).level},
		{Action: "next_match", Keys: []string{"n"}, In: PaneLog, Long: "the next line found, marked or with an error", Group: groupLogs, do: func(m *Model) effect { return m.jump(1) }},
		{Action: "previous_match", Keys: []string{"N"}, In: PaneLog, Long: "the one before", Group: groupLogs, do: func(m *Model) effect { return m.jump(-1) }},
		{Action: "mark", Keys: []string{"space"}, In: PaneLog, Long: "mark the line", Group: groupLogs, do: (*Model).mark},
		{Action: "save_log", Keys: []string{"ctrl+s"}, In: PaneLog, Long: "save the lines shown to a file", Group: groupLogs, do: (*Model).saveLog},
		{Action: "stream", Keys: []string{"o"}, Long: "leave the full screen and stream logs to the terminal's own scrollback; any key comes back", Group: groupLogs, do: (*Model).stream},
	}
}

func otherBindings() []Binding {
	return []Binding{
		{Action: "help", Keys: []string{"?"}, Short: "help", Long: "this help", Group: groupOther, do: (*Model).help},
		{Action: "palette", Keys: []string{":"}, Long: "all commands by name", Group: groupOther, do: (*Model).openPalette},
		{Action: "save_events", Keys: []string{"W"}, Long: "save what happened as an event log, for `tui --replay`", Group: groupOther, do: (*Model).saveEvents},
		{Action: "switch", Keys: []string{"@"}, Long: "another project whose daemons run", Group: groupOther, do: (*Model).switchSet, why: (*Model).whyLive},
		{Action: "faster", Keys: []string{"}"}, Short: "faster", Long: "play a replay twice as fast", Group: groupOther, do: func(m *Model) effect { return m.speed(2) }, why: (*Model).whyReplay},
		{Action: "slower", Keys: []string{"{"}, Short: "slower", Long: "play a replay half as fast", Group: groupOther, do: func(m *Model) effect { return m.speed(0.5) }, why: (*Model).whyReplay},
		{Action: "suspend", Keys: []string{"ctrl+z"}, Long: "suspend; fg comes back", Group: groupOther, do: (*Model).suspend},
		{Action: "quit", Keys: []string{"q", "ctrl+c"}, Short: "quit", Long: "quit; the daemons keep running", Group: groupOther, do: (*Model).quit},
		{Action: "quit_stop", Keys: []string{"Q"}, Long: "stop all daemons and quit (asks first)", Group: groupOther, do: (*Model).quitStop, why: (*Model).whyLive},
	}
}

// Keymap is the key table with the user's changes, ready for look-ups.
type Keymap struct {
	All    []Binding
	byKey  map[string][]int // index into All
	byName map[Action]int
}

// NewKeymap applies remappings (action → keys; none = no key) to the table.
func NewKeymap(remap map[string][]string) (*Keymap, error) {
	k := &Keymap{All: bindings(), byKey: map[string][]int{}, byName: map[Action]int{}}
	for i, b := range k.All {
		k.byName[b.Action] = i
	}
	for _, name := range sortedKeys(remap) {
		i, known := k.byName[Action(name)]
		if !known {
			return nil, ipc.Errorf(ipc.CodeConfig, "[keys] %s: there is no such action", name).
				WithHint("docs/keys.md lists the actions")
		}
		k.All[i].Keys = remap[name]
	}
	for i, b := range k.All {
		for _, key := range b.Keys {
			for _, j := range k.byKey[key] {
				if other := k.All[j]; other.In == b.In || other.In == 0 && b.In == 0 {
					return nil, ipc.Errorf(ipc.CodeConfig, "[keys] %q is the key of both %s and %s", key, other.Action, b.Action).
						WithHint("give one of them another key")
				}
			}
			k.byKey[key] = append(k.byKey[key], i)
		}
	}
	return k, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Find is the binding of a key while a pane has the focus: its own ones first.
func (k *Keymap) Find(key string, focus PaneID) (Binding, bool) {
	if key == " " {
		key = "space"
	}
	found := -1
	for _, i := range k.byKey[key] {
		if k.All[i].In == focus || k.All[i].In == 0 && found < 0 {
			found = i
		}
	}
	if found < 0 {
		return Binding{}, false
	}
	return k.All[found], true
}

// Named is the binding of an action.
func (k *Keymap) Named(a Action) Binding { return k.All[k.byName[a]] }

// Key is an action's first key, "" if it has none.
func (k *Keymap) Key(a Action) string {
	if keys := k.Named(a).Keys; len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// footer is which actions the footer shows, the most useful first.
func (m *Model) footerActions() (all []Action) {
	if m.player != nil {
		all = append(all, "freeze", "slower", "faster")
	}
	if m.files.Build != "" || m.files.Filter != "" || m.arrange.Zoom {
		all = append(all, "back")
	}
	if m.state.Failed() {
		all = append(all, "next_failure", "edit")
	}
	return append(all, footer(m.arrange.Focus)...)
}

// footer is which actions of a pane the footer shows.
func footer(focus PaneID) []Action {
	switch focus {
	case PaneDaemons:
		return []Action{"start", "stop", "restart", "start_all", "logs", "build", "open"}
	case PaneBuild:
		return []Action{"build", "cancel", "open", "clear_cache", "logs"}
	case PaneCache:
		return []Action{"clear_cache", "build", "logs", "zoom"}
	case PaneLog:
		return []Action{"filter", "follow", "wrap", "level", "zoom", "copy", "build"}
	case PaneDetail:
		return []Action{"copy", "explain", "zoom", "build", "logs"}
	}
	return []Action{"build", "build_selected", "filter", "sort_next", "explain", "slowest", "open", "logs", "clear_cache"}
}

// KeysPage is docs/keys.md.
func KeysPage() string {
	var b strings.Builder
	b.WriteString("# Keys of the dashboard\n\n")
	b.WriteString("Made from the key table of `tui/keys.go` by `go test ./tui -run Keys -update`; `?` in the dashboard shows the same.\n\n")
	b.WriteString("A key can be changed in `~/.replibuild/tui.toml` (`REPLIBUILD_HOME/tui.toml` where that is set), by the action's name:\n\n")
	b.WriteString("```toml\ntheme = \"auto\"      # auto, dark, light\nascii = false\nmouse = true\n\n[keys]\nbuild = [\"b\", \"f5\"]\nclear_cache = []     # no key; the palette still has it\n```\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| key | what it does | where | action |\n|---|---|---|---|\n", g)
		for _, x := range bindings() {
			if x.Group != g {
				continue
			}
			where := "everywhere"
			if x.In != 0 {
				where = x.In.String()
			}
			keys := make([]string, len(x.Keys))
			for i, key := range x.Keys {
				keys[i] = "`" + key + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", strings.Join(keys, " "), x.Long, where, x.Action)
		}
	}
	return b.String()
}

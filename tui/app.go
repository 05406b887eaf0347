// Package tui is the dashboard: what runs, what is slow, what was rebuilt and why,
// and keys that mend it.
//
// What it promises: the first frame comes at once, whether daemons run or not; keys
// never wait for a socket; a daemon that dies is a row that says so, and the dashboard
// goes on; nothing is written to the terminal while nothing changes; the terminal is
// given back as it was, whatever ends the program. A recorded event log leads to the
// same screens as the events did when they happened.
//
// The root model, the keys and the commands know Bubble Tea; panes and widgets are
// plain values (internal/panes, internal/widgets) that draw themselves into a width
// and a height.
package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/screen"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// Config is what the dashboard runs on: a project with its orchestrator, or a replay.
type Config struct {
	Root, Set    string
	Source       string           // of a build folder: the folder of the sources; "" for a project of our own
	Launched     bool             // this is the user set: its commands come from the thin client, and it builds nothing
	Project      Project          // nil in a replay
	Orchestrator ipc.Orchestrator // nil in a replay
	Alive        func(daemon string) bool
	Replay       *Recorded
	Speed        float64       // of the replay; 0 = held at From
	From         time.Duration // where the replay starts; what was before is there at once

	Settings Settings
	Env      []string                 // the caller's environment: of builds, and what the terminal is
	Caller   *ipc.Caller              // the caller's umask, limits and the like, for builds
	Location *time.Location           // of times shown; nil = local
	Saved    string                   // folder for logs and events that are saved; made when needed
	Memory   string                   // file that keeps the sort order; "" = it is not kept
	Sets     func() ([]string, error) // roots of the projects with daemons; nil in a replay

	now   func() time.Time                            // for tests
	timer func(d time.Duration, then tea.Msg) tea.Cmd // for tests: gives out then after d
}

func (c *Config) env(key string) string { return ipc.EnvValue(c.Env, key) }

// Outcome is how the dashboard ended.
type Outcome struct {
	Parting string // a line to be printed
	Next    string // root of the project that the user switched to, "" for none
}

// Run shows the dashboard on a terminal until the user quits or ctx ends. The error
// matches [context.Canceled] if ctx ended first.
func Run(ctx context.Context, c Config, in, out *os.File) (Outcome, error) {
	m, err := New(c)
	if err != nil {
		return Outcome{}, err
	}
	terminal, err := openTerminal(in, out)
	if err != nil {
		return Outcome{}, ipc.Errorf(ipc.CodeUnavailable, "the terminal: %v", err)
	}
	defer terminal.restore()
	m.screen, m.terminal = screen.New(out), terminal
	defer m.screen.Close() // before restore
	m.screen.Enter(m.mouse)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.gate = newGate()
	defer m.gate.close()
	input := &answers{in: m.gate.reader(in)}
	program := tea.NewProgram(shown{m}, tea.WithContext(ctx), tea.WithInput(input), tea.WithOutput(out),
		tea.WithoutRenderer(), tea.WithoutSignalHandler(), tea.WithoutCatchPanics())
	input.answer = func(text string) { go program.Send(backdropMsg{text}) }
	if m.askTheme {
		m.screen.Raw(askBackground)
	}
	m.send = func(msg any) { program.Send(msg) }
	m.fetch = c.Replay == nil
	go terminal.watch(ctx, func(w, h int) { program.Send(tea.WindowSizeMsg{Width: w, Height: h}) }, func() { program.Send(resumedMsg{}) })
	if c.Replay == nil {
		s := &source{project: c.Project, events: c.Orchestrator, alive: c.Alive, send: m.send}
		s.start(ctx)
	}
	return m.run(program, terminal)
}

// run runs the event loop and turns what ended it into a result.
func (m *Model) run(program *tea.Program, terminal *terminal) (out Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			m.screen.Close()
			terminal.restore()
			err = ipc.Errorf(ipc.CodeInternal, "the dashboard failed: %v\n%s", r, debug.Stack()).
				WithHint("the daemons are not affected; please report this")
		}
	}()
	_, err = program.Run()
	m.screen.Close()
	terminal.restore()
	switch {
	case m.failure != nil:
		return out, m.failure
	case errors.Is(err, context.Canceled):
		return out, err
	case err != nil && !errors.Is(err, tea.ErrProgramKilled):
		return out, ipc.Errorf(ipc.CodeUnavailable, "the terminal: %v", err)
	}
	return Outcome{Parting: m.parting, Next: m.next}, nil
}

// shown is the model with its screen: what Bubble Tea calls View for goes there, and
// its own renderer draws nothing.
type shown struct{ *Model }

// Update implements [tea.Model].
func (s shown) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := s.Model.Update(msg)
	switch msg.(type) {
	case tea.KeyMsg, tea.MouseMsg:
		s.hurried = true
	}
	return s, cmd
}

// View implements [tea.Model].
func (s shown) View() string {
	if !s.streaming && !s.away {
		s.screen.Show(s.Model.View(), s.hurried)
		s.hurried = false
	}
	return ""
}

// Model is the dashboard's state. It is used by one goroutine.
type Model struct {
	cfg      Config
	keys     *Keymap
	state    *state.State
	ctx      panes.Context
	screen   *screen.Screen // nil in tests
	terminal *terminal
	send     func(any)

	daemons *panes.Daemons
	builds  *panes.Build
	cache   *panes.Cache
	files   *panes.Files
	log     *panes.Log
	detail  *panes.Detail

	w, h     int
	arrange  arrangement
	about    PaneID // pane that the detail follows
	overlay  overlay
	typing   *typing
	toast    toast
	undo     *undo
	mouse    bool
	askTheme bool
	frozen   bool
	held     []tea.Msg // what came while frozen
	asked    string    // unit that facts were asked for
	resting  string    // unit that the selection rests on

	player    *player
	played    time.Time // when the player was advanced last
	recording recording
	streaming bool
	away      bool   // an editor has the terminal
	gate      *gate  // keeps the keys from the dashboard meanwhile; nil in tests
	fetch     bool   // ask for the past at the start
	auto      bool   // build after changes
	changes   int    // counts the changes, for auto
	next      string // root of the project to switch to
	streamed  uint64 // next log line to be streamed

	tickAt  time.Time
	drawn   [paneEnd]drawn
	footer  []footerItem
	hurried bool // a key waits for its frame
	bytes   int  // of the last frame
	placed  []Placed
	parting string
	failure error

	views atomic.Int64 // frames made, for tests
}

// New makes the model; it asks for nothing until it is run.
func New(c Config) (*Model, error) {
	keys, err := NewKeymap(c.Settings.Keys)
	if err != nil {
		return nil, err
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.timer == nil {
		c.timer = after
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	m := &Model{
		cfg: c, keys: keys, state: state.New(c.Root, c.Set), mouse: c.Settings.Mouse == nil || *c.Settings.Mouse,
		daemons: &panes.Daemons{}, builds: &panes.Build{}, cache: &panes.Cache{}, files: &panes.Files{},
		log: panes.NewLog(logring.MaxLines), detail: &panes.Detail{},
		arrange: arrangement{Focus: PaneFiles, Slot: PaneLog}, about: PaneFiles,
	}
	m.state.Source, m.state.Launched = c.Source, c.Launched
	var theme paint.Theme
	theme, m.askTheme = chooseTheme(c.Settings.Theme, c.env)
	m.ctx = panes.Context{S: m.state, Log: m.log.Ring, Loc: c.Location}
	m.setTheme(theme)
	m.state.SetNow(m.cfg.now())
	if c.Replay != nil {
		m.startReplay()
	}
	m.recall()
	m.refresh()
	return m, nil
}

func (m *Model) setTheme(t paint.Theme) {
	m.ctx.P = newPainter(t, m.cfg.Settings.ASCII, m.cfg.env)
	m.drawn = [paneEnd]drawn{}
}

// Init implements [tea.Model].
func (m *Model) Init() tea.Cmd {
	if m.fetch {
		return m.wake(m.askHistory("")) // it is there without daemons, too
	}
	return m.wake(nil)
}

func (m *Model) startReplay() {
	m.player = newPlayer(m.cfg.Replay, m.cfg.Speed, m.cfg.From)
	m.state.SetLink(state.LinkReplay)
	for i := range m.state.Daemons {
		m.state.Daemons[i].State = state.StateUnknown
	}
	m.state.SetPlan(m.cfg.Replay.Plan)
	m.state.SetLast(m.cfg.Replay.Last)
	m.played = m.cfg.now()
	m.play(0)
}

// play moves the replay on by real time.
func (m *Model) play(real time.Duration) {
	m.player.advance(real, m.apply, m.log.Ring.Add)
	m.state.SetNow(m.player.clock)
}

// apply takes one event in.
func (m *Model) apply(e ipc.Event) {
	if m.player == nil {
		m.recording.add(e)
	} else {
		m.state.Now = e.Time
	}
	hits := 0
	if c := m.state.Current; c != nil && c.ID == e.Build {
		hits = c.Hits()
	}
	line, worth := eventLine(e, hits)
	if d, ok := e.Body.(ipc.DaemonChanged); ok {
		known := m.state.Daemon(d.Name)
		worth = known != nil && known.State != d.State // not for another memory size
	}
	m.state.Apply(e)
	if worth {
		m.log.Ring.Add(line)
	}
	if _, ok := e.Body.(ipc.FilesChanged); ok {
		m.changes++
	}
	if n, ok := e.Body.(ipc.Notice); ok && n.Level != "info" {
		m.say(toast{text: n.Message, bad: n.Level == "error", idle: n.Level == "warning"})
	}
}

// leaveText is what is printed after the dashboard has gone.
func (m *Model) leaveText() string {
	up, _ := m.state.Up()
	switch {
	case m.player != nil:
		return ""
	case up == 0:
		return "No daemon runs; `replibuild start` starts them"
	}
	return fmt.Sprintf("%d daemons keep running; `replibuild stop` ends them", up)
}

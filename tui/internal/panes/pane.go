// Package panes draws the dashboard's parts: what each shows of the state, in a
// width and height.
//
// What it promises: a pane is a plain value; Render returns exactly h lines of w
// cells each and changes nothing but the pane's scroll position, so that the cursor
// stays in sight; two calls between which no revision changed return the same lines.
package panes

import (
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Context is what panes draw from.
type Context struct {
	P   *paint.Painter
	S   *state.State
	Log *logring.Ring
	Loc *time.Location
}

// Pane is a part of the screen.
type Pane interface {
	// Render draws the pane with its border, w×h cells.
	Render(c *Context, w, h int, focused bool) []string
	// Rev changes whenever Render could return something else for the same size.
	Rev(c *Context) uint64
	// Move moves the cursor by n rows; great numbers go to the end.
	Move(c *Context, n int)
	// Click puts the cursor on the row drawn at y, counted from the top border. It
	// reports whether there is one.
	Click(c *Context, y int) bool
	// Copy is the text of the row under the cursor.
	Copy(c *Context) string
}

// box finishes a pane.
func box(c *Context, f widgets.Frame, w, h int, focused bool, body []string) []string {
	f.Focused = focused
	return widgets.Box(c.P, f, w, h, body)
}

// note is a word on a border, "" for none.
func note(r paint.Role, text string) widgets.Note { return widgets.Note{Role: r, Text: text} }

// daemonSign is the sign and the role of a daemon's state.
func daemonSign(p *paint.Painter, d *state.Daemon) (string, paint.Role) {
	if d.Doing != "" {
		return p.Starting, paint.Busy
	}
	switch d.State {
	case ipc.StateRunning:
		return p.Up, paint.Good
	case ipc.StateStarting:
		return p.Starting, paint.Busy
	case ipc.StateCrashed:
		return p.Crashed, paint.Bad
	case ipc.StateUnresponsive:
		return p.Hung, paint.Bad
	case ipc.StateElsewhere:
		return p.Off, paint.Warn
	case ipc.StateDisabled:
		return p.Off, paint.Dim
	}
	return p.Down, paint.Dim
}

// daemonWord is a daemon's state in a word.
func daemonWord(d *state.Daemon) string {
	switch {
	case d.Doing != "":
		return d.Doing
	case d.State == "":
		return "asking"
	}
	return d.State
}

// unitSign is the sign, the word and the role of a unit's status.
func unitSign(p *paint.Painter, u *state.Unit) (sign, word string, r paint.Role) {
	word = words.State(u.Kind, u.Status, u.Reason.Code)
	switch u.Status {
	case ipc.StatusCached:
		return p.Cached, word, paint.Good
	case ipc.StatusCompiled:
		return p.Compiled, word, paint.Warn
	case ipc.StatusFailed:
		return p.Failed, word, paint.Bad
	case ipc.StatusSkipped:
		return p.Skipped, word, paint.Dim
	case state.StatusRunning:
		return p.Running, word, paint.Busy
	case state.StatusDirty:
		return p.Dirty, word, paint.Warn
	case state.StatusUpToDate:
		return p.Cached, word, paint.Dim
	case state.StatusToCheck:
		return p.Hung, word, paint.Dim
	}
	return p.Wait, word, paint.Dim
}

// untold is shown if nothing is known because the orchestrator runs but does not answer:
// it hangs, or is of another version.
const untold = "not known: the orchestrator does not answer"

// isUntold reports whether that is so.
func isUntold(c *Context) bool {
	o := c.S.Daemon(ipc.NameOrchestrator)
	return c.S.Link == state.LinkDown && o != nil && (o.Up() || o.State == ipc.StateUnresponsive)
}

// contactLost is the state of a build whose orchestrator does not answer any more.
const contactLost = "contact lost"

// buildSign is the sign, the word and the role of how a build ended.
func buildSign(c *Context, b *state.Build) (sign, word string, r paint.Role) {
	switch {
	case !b.Finished && !c.S.Lost.IsZero():
		return c.P.Hung, contactLost, paint.Bad
	case !b.Finished:
		return c.P.Running, words.Running, paint.Busy
	}
	return pastSign(c.P, b.OK, b.Cancelled)
}

// pastSign is buildSign for a build that is over.
func pastSign(p *paint.Painter, ok, cancelled bool) (sign, word string, r paint.Role) {
	switch word = words.Build(ok, cancelled); {
	case ok:
		return p.Compiled, word, paint.Good
	case cancelled:
		return p.Skipped, word, paint.Warn
	}
	return p.Failed, word, paint.Bad
}

// pad completes body to h lines of w cells.
func pad(p *paint.Painter, body []string, w, h int) []string {
	for len(body) < h {
		body = append(body, p.Line(w).String())
	}
	return body[:max(0, h)]
}

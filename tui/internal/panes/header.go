package panes

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Header is the line at the top: the project, and everything in five numbers. More has
// notes of the caller: that the view is frozen, or how fast a replay runs.
func Header(c *Context, home string, w int, more []widgets.Note) string {
	s := c.S
	l := c.P.Line(w).Skip(1).Put(paint.Strong, "replibuild").Skip(2)
	link, role := linkWord(c)
	right := paint.Width(link) + 1
	for _, n := range more {
		right += paint.Width(n.Text) + 2
	}
	parts := headerParts(c)
	room := w - l.Width() - right - 3
	path := shorten(s.Root, home)
	for len(parts) > 0 && notesWidth(parts)+min(paint.Width(path), 16) > room {
		parts = parts[:len(parts)-1]
	}
	l.Put(paint.Text, c.P.Tail(path, max(0, room-notesWidth(parts))))
	for _, n := range parts {
		l.Skip(3).Put(n.Role, n.Text)
	}
	l.To(w - right - 1)
	for _, n := range more {
		l.Put(n.Role, n.Text).Skip(2)
	}
	return l.Put(role, link).String()
}

func headerParts(c *Context) []widgets.Note {
	s := c.S
	up, of := s.Up()
	role := paint.Good
	if up < of {
		role = paint.Bad
	}
	parts := []widgets.Note{note(role, fmt.Sprintf("%d/%d up", up, of))}
	n := s.Cache
	if n.Hits+n.Misses > 0 {
		parts = append(parts, note(paint.Good, "hit "+widgets.Percent(n.Hits, n.Hits+n.Misses)))
	}
	switch waiting := len(s.Queue.Waiting); {
	case s.Link == state.LinkDown: // there is none
	case waiting > 0:
		parts = append(parts, note(paint.Warn, fmt.Sprintf("queue %d", waiting)))
	default:
		parts = append(parts, note(paint.Dim, "queue 0"))
	}
	switch dirty := s.DirtyRows(); {
	case s.Launched: // each command looks at its inputs
	case !s.Dirty.Known && s.Link == state.LinkLive && s.Source == "": // of a build folder they need not be
		parts = append(parts, note(paint.Warn, "changes not followed"))
	case dirty > 0:
		parts = append(parts, note(paint.Warn, fmt.Sprintf("%s dirty", widgets.Count(int64(dirty)))))
	}
	size := "cache " + widgets.Bytes(n.Bytes)
	if n.MaxBytes > 0 {
		size += " of " + widgets.Bytes(n.MaxBytes)
	}
	return append(parts, note(paint.Text, size))
}

func notesWidth(notes []widgets.Note) int {
	n := 0
	for _, note := range notes {
		n += 3 + paint.Width(note.Text)
	}
	return n
}

func linkWord(c *Context) (string, paint.Role) {
	switch c.S.Link {
	case state.LinkLive:
		if o := c.S.Daemon(ipc.NameOrchestrator); o != nil && o.State == ipc.StateUnresponsive {
			return c.P.Crashed + " no answer", paint.Bad // known seconds before the stream is given up
		}
		return c.P.Up + " live", paint.Good
	case state.LinkReplay:
		return c.P.Running + " replay", paint.Busy
	case state.LinkDown:
		if o := c.S.Daemon(ipc.NameOrchestrator); o != nil && o.Up() && o.LastError != "" {
			return c.P.Crashed + " other version", paint.Bad
		}
		return c.P.Crashed + " no orchestrator", paint.Bad
	}
	return c.P.Starting + " connecting", paint.Busy
}

// shorten writes the home folder as ~.
func shorten(path, home string) string {
	if home != "" && (path == home || strings.HasPrefix(path, home+"/")) {
		return "~" + path[len(home):]
	}
	return path
}

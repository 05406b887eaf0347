package tui

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"

	"github.com/RepliBuild/replibuild/internal/pause"
)

// watch tells the size now and whenever it is another one: there is no signal.
func (t *terminal) watch(ctx context.Context, resized func(w, h int), _ func()) {
	var lastW, lastH int
	for {
		if w, h, err := t.size(); err == nil && (w != lastW || h != lastH) {
			lastW, lastH = w, h
			resized(w, h)
		}
		if pause.For(ctx, 250*time.Millisecond) != nil {
			return
		}
	}
}

func suspendProcess() error { return errors.New("this system cannot suspend a program") }

// prepareOutput makes the console understand escape sequences.
func prepareOutput(out *os.File) error {
	var mode uint32
	handle := windows.Handle(out.Fd())
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return err
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
}

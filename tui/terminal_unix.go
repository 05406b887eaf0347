//go:build unix

package tui

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// watch tells the size now and whenever it changes, and when the process goes on
// after it was stopped.
func (t *terminal) watch(ctx context.Context, resized func(w, h int), resumed func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(signals)
	for {
		if w, h, err := t.size(); err == nil {
			resized(w, h)
		}
		select {
		case s := <-signals:
			if s == syscall.SIGCONT {
				resumed()
			}
		case <-ctx.Done():
			return
		}
	}
}

// noStop is how long a stop may take. The kernel drops it where no shell could let
// the process go on: https://pubs.opengroup.org/onlinepubs/9799919799/functions/V2_chap02.html#tag_16_04_03
const noStop = 300 * time.Millisecond

// suspendProcess stops the process group and returns when it goes on.
func suspendProcess() error {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	for range 2 { // when it goes on, the first time is up before the signal is handled
		select {
		case <-goesOn:
			return nil
		case <-time.After(noStop):
		}
	}
	return errors.New("there is no shell to go back to")
}

// prepareOutput makes the terminal understand escape sequences: here it does.
func prepareOutput(*os.File) error { return nil }

package cli

import (
	"io"
	"os"
	"os/exec"
)

// interrupts are the signals that end a command early.
func interrupts() []os.Signal { return []os.Signal{os.Interrupt} }

// terminalWidth is the number of columns that are safe to use.
func terminalWidth(io.Writer) int { return 80 }

// signalOf is the signal that ended a process: there are none here.
func signalOf(*exec.ExitError) int { return 0 }

// signalNumber is the number of a signal: there are none here.
func signalNumber(os.Signal) int { return 0 }

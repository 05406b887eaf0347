package ninjabuild

import (
	"bufio"
	"strings"
)

// printer writes the status line. On a terminal each line replaces the one before, until
// something has to stay. While a command of the console pool runs, nothing is written.
type printer struct {
	out   *bufio.Writer
	smart bool       // a terminal that can redraw a line
	color bool       // escape sequences of commands are passed on
	width func() int // of the terminal, 0 if it is unknown

	midLine bool // the cursor is behind a status line
	locked  bool // a command has the console
	held    strings.Builder
	line    string // the status line that waits for the console
}

// environment gives a variable's value.
type environment func(name string) (value string, set bool)

// on says that a variable is set, and not to 0.
func (env environment) on(name string) bool {
	value, set := env(name)
	return set && value != "0"
}

// newPrinter writes to out. width returns the width of the terminal; nil means that out
// is no terminal.
func newPrinter(out *bufio.Writer, width func() int, env environment) *printer {
	term, set := env("TERM")
	p := &printer{out: out, smart: width != nil && set && term != "dumb", width: width}
	noColor := env.on("NO_COLOR")
	p.color = p.smart && !noColor || !noColor && env.on("CLICOLOR_FORCE") || env.on("FORCE_COLOR")
	return p
}

// status writes a status line, on a terminal cut to its width.
func (p *printer) status(text string) {
	if p.locked {
		p.line = text
		return
	}
	defer p.out.Flush()
	if !p.smart {
		p.out.WriteString(text + "\n")
		return
	}
	if width := p.width(); width > 0 {
		text = elideMiddle(text, width)
	}
	p.out.WriteString("\r" + text + "\x1b[K")
	p.midLine = true
}

// onNewLine writes text that stays, on a line of its own.
func (p *printer) onNewLine(text string) {
	if p.locked && p.line != "" {
		p.held.WriteString(p.line + "\n")
		p.line = ""
	}
	if p.midLine {
		p.write("\n")
	}
	p.write(text)
	p.midLine = text != "" && !strings.HasSuffix(text, "\n")
	p.out.Flush()
}

func (p *printer) write(text string) {
	if p.locked {
		p.held.WriteString(text)
		return
	}
	p.out.WriteString(text)
}

// lock keeps everything back while a command has the console; unlocking writes it.
func (p *printer) lock(locked bool) {
	if locked == p.locked {
		return
	}
	if locked {
		p.onNewLine("")
	}
	p.locked = locked
	if locked {
		return
	}
	p.onNewLine(p.held.String())
	if p.line != "" {
		p.status(p.line)
	}
	p.held.Reset()
	p.line = ""
}

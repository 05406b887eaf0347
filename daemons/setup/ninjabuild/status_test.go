package ninjabuild

import (
	"bufio"
	"bytes"
	"context"
	"slices"
	"testing"
	"time"
)

// terminalRun runs our ninja on a terminal of a width.
func terminalRun(t *testing.T, dir string, width int, args ...string) outcome {
	t.Helper()
	return oursIn(context.Background(), Caller{Dir: dir, Args: args, Env: testEnv("TERM=xterm"), Runner: Shell{}, Width: func() int { return width }})
}

func TestStatusOnTerminal(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", `rule t
  command = $say touch $out
  description = make $out
rule c
  command = :
  description = console $out
  pool = console
build a: t
build b: t a
  say = printf '\033[31mred\033[0m';
build c: c b
build a-name-that-is-long: t c
`)
	got := terminalRun(t, dir, 20, "-j1")
	want := "\r[0/4] make a\x1b[K\r[1/4] make a\x1b[K" +
		"\r[1/4] make b\x1b[K\r[2/4] make b\x1b[K\n\x1b[31mred\x1b[0m" +
		"\r[2/4] console c\x1b[K\n" +
		"\r[3/4] ma...t-is-long\x1b[K\r[4/4] ma...t-is-long\x1b[K\n"
	if got.code != 0 || got.stdout != want {
		t.Errorf("%q\nwant\n%q", got.stdout, want)
	}
	verbose := terminalRun(t, folder(t, "build.ninja", "rule t\n  command = printf '\\033[31mred\\033[0m'\nbuild a: t\n"), 20, "-v")
	if verbose.stdout != "[1/1] printf '\\033[31mred\\033[0m'\n\x1b[31mred\x1b[0m\n" {
		t.Errorf("%q", verbose.stdout)
	}
}

func TestStatusFormat(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "rule t\n  command = :\n  description = D\nbuild a: t\nbuild b: t a\n")
	run := func(status string, args ...string) string {
		got := oursIn(context.Background(), Caller{Dir: dir, Args: append(args, "-j1", "-v", "-n"), Env: testEnv("NINJA_STATUS=" + status), Runner: Shell{}})
		return got.stdout + got.stderr
	}
	for status, want := range map[string]string{
		"%f,%s,%t,%r,%u,%p,%% ": "1,1,2,1,1, 50%,% :\n2,2,2,1,0,100%,% :\n",
		"":                      ":\n:\n",
		"%x":                    "ninja: fatal: unknown placeholder '%x' in $NINJA_STATUS\n",
	} {
		if got := run(status); got != want {
			t.Errorf("%q: %q, want %q", status, got, want)
		}
	}
	if got := run("%x", "--status", "<$finished of ${total}> $$ $description"); got != "<1 of 2> $ :\n<2 of 2> $ :\n" {
		t.Errorf("%q", got)
	}
	if got := run("", "--status=$nope"); got != "ninja: fatal: unknown variable 'nope' in --status format\n" {
		t.Errorf("%q", got)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	s := &status{now: 90 * time.Second, done: 0.5, finished: 45, total: 90, started: 46, rate: rate{limit: 2}}
	for name, want := range map[string]string{
		"elapsed": "01:30", "elapsed_seconds": "90.000", "eta": "01:30", "eta_seconds": "90.000", "rate": "0.5", "predicted_progress": " 50%", "current_rate": "?",
	} {
		if got := s.value(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	s.done = 0.01
	if got := s.value("elapsed"); got != "0:01:30" { // the end is hours away
		t.Error(got)
	}
	s.done = 0
	if got := s.value("eta"); got != "?" {
		t.Error(got)
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	s := &status{}
	s.forecast.add(3*time.Second, true)
	s.forecast.add(time.Second, true)
	s.total, s.finished, s.spent = 2, 1, 3*time.Second
	s.forecast.finish(3*time.Second, true)
	if s.predict(); s.done != 0.75 {
		t.Error(s.done)
	}
	s.forecast.add(0, false) // one that never ran: counts as the average
	s.total++
	if s.predict(); s.done != 0.5 {
		t.Error(s.done)
	}
	s.forecast.drop(time.Second, true)
	s.total--
	if s.predict(); s.done != 0.5 {
		t.Error(s.done)
	}
}

func TestElideMiddle(t *testing.T) {
	t.Parallel()
	const red, reset = "\x1b[0;31m", "\x1b[0m"
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 80, "short"}, {"short", 5, "short"}, {"short", 0, ""}, {"short", 1, "."}, {"short", 2, ".."}, {"short", 3, "..."},
		{"01234567890123456789", 4, "...9"}, {"01234567890123456789", 5, "0...9"}, {"01234567890123456789", 10, "012...6789"},
		{"01234567890123456789", 19, "01234567...23456789"}, {"01234567890123456789", 20, "01234567890123456789"},
		{"012345" + red + "67890123456789", 10, "012..." + red + "6789"}, {"012345" + red + "67890123456789", 19, "012345" + red + "67...23456789"},
		{"abcd" + red + "efg" + reset + "hlkmnopqrstuvwxyz", 0, red + reset}, {"abcd" + red + "efg" + reset + "hlkmnopqrstuvwxyz", 1, "." + red + reset},
		{"\x1b[m\x1b[1Kabcdef", 7, "\x1b[m\x1b[...ef"},
	} {
		if got := elideMiddle(tt.text, tt.width); got != tt.want {
			t.Errorf("%q, %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestColors(t *testing.T) {
	t.Parallel()
	width := func() int { return 80 }
	for _, tt := range []struct {
		env          []string
		width        func() int
		smart, color bool
	}{
		{nil, nil, false, false},
		{[]string{"TERM=xterm"}, nil, false, false},
		{[]string{"TERM=xterm"}, width, true, true},
		{[]string{"TERM=dumb"}, width, false, false},
		{nil, width, false, false},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, width, true, false},
		{[]string{"CLICOLOR_FORCE=1"}, nil, false, true},
		{[]string{"CLICOLOR_FORCE=0"}, nil, false, false},
		{[]string{"CLICOLOR_FORCE=1", "NO_COLOR=1"}, nil, false, false},
		{[]string{"FORCE_COLOR=1", "NO_COLOR=1"}, nil, false, true},
	} {
		m := &program{Caller: Caller{Env: tt.env}}
		p := newPrinter(bufio.NewWriter(&bytes.Buffer{}), tt.width, m.environment)
		if p.smart != tt.smart || p.color != tt.color {
			t.Errorf("%q: smart %v, color %v", tt.env, p.smart, p.color)
		}
	}
	if got := stripEscapes("a\x1b[1;31mb\x1b[0m\x1bc\x1b"); got != "abc" {
		t.Errorf("%q", got)
	}
}

func TestShowIncludes(t *testing.T) {
	t.Parallel()
	headers, rest := showIncludes([]byte("foo.cc\r\nNote: including file:    sub/../b.h\r\nNote: including file: a.h\nNote: including file: C:/Program Files/x.h\nfoo.cc\nwarning\n"), "")
	if !slices.Equal(headers, []string{"a.h", "b.h"}) || string(rest) != "foo.cc\nwarning\n" {
		t.Errorf("%q, %q", headers, rest)
	}
}

package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/RepliBuild/replibuild/internal/termtext"
	"github.com/RepliBuild/replibuild/ipc"
)

// stream is standard output or error as commands write to it. Names and output of other
// programs are made safe: control sequences are removed, and colours go only to a
// terminal that wants them.
type stream struct {
	out      io.Writer
	terminal bool // lines may be redrawn
	colours  bool
}

// newStream looks at what out is. A terminal takes colours unless NO_COLOR is set; CI
// and TERM=dumb mean that it is none.
func (a *app) newStream(out io.Writer) *stream {
	f, isFile := out.(*os.File)
	terminal := isFile && isTerminal(f) && ipc.EnvValue(a.Env, "TERM") != "dumb" && !a.inCI()
	return &stream{out: out, terminal: terminal, colours: terminal && ipc.EnvValue(a.Env, "NO_COLOR") == ""}
}

// Write cleans p, which must not end within a sequence, and writes it.
func (s *stream) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.out, termtext.Text(string(p), s.colours)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// raw is what a stream writes to: for programs of the user, which own their output, and
// for what redraws lines.
func raw(w io.Writer) io.Writer {
	if s, ok := w.(*stream); ok {
		return s.out
	}
	return w
}

// terminal reports whether w is a terminal on which lines may be redrawn.
func terminal(w io.Writer) bool {
	s, ok := w.(*stream)
	return ok && s.terminal
}

// styled is text of ours with colours in it.
type styled string

// style puts a colour around s if w takes colours.
func style(w io.Writer, sgr, text string) styled {
	text = termtext.Line(text)
	if s, ok := w.(*stream); !ok || !s.colours {
		return styled(text)
	}
	return styled("\x1b[" + sgr + "m" + text + "\x1b[0m")
}

// SGR parameters of the few colours in use.
const (
	red    = "31"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
)

// printf prints on standard output. Texts among args are kept on one line, so a name that
// contains a line end cannot look like a line of ours.
func (a *app) printf(format string, args ...any) { fprintf(a.Stdout, format, args...) }

// eprintf is printf on standard error.
func (a *app) eprintf(format string, args ...any) { fprintf(a.Stderr, format, args...) }

func fprintf(w io.Writer, format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = termtext.Line(text)
		}
	}
	fmt.Fprintf(w, format, args...)
}

// printPath prints a path for scripts: exact, but on a terminal, which would obey it.
func (a *app) printPath(path string) {
	if terminal(a.Stdout) {
		a.printf("%s\n", path)
		return
	}
	fmt.Fprintln(raw(a.Stdout), path)
}

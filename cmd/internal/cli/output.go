package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/RepliBuild/replibuild/internal/termtext"
	"github.com/RepliBuild/replibuild/ipc"
)

// printError prints an error as text on standard error, or with --json as one
// object on standard output: {"schema":1,"ok":false,"error":{…}}.
func (a *app) printError(err error) {
	var e *ipc.Error
	if !errors.As(err, &e) {
		e = usageError("%v", err)
	}
	if a.wantsJSON() {
		a.printJSON(struct {
			Schema int        `json:"schema"`
			OK     bool       `json:"ok"`
			Error  *ipc.Error `json:"error"`
		}{ipc.Schema, false, e})
		return
	}
	a.eprintf("%s %s\n", style(a.Stderr, red, "error:"), e.Message)
	for _, p := range e.Problems {
		if line := p.String(); line != e.Message { // the only one is the message
			a.eprintf("  %s\n", line)
		}
	}
	if e.Hint != "" {
		a.eprintf("%s %s\n", style(a.Stderr, cyan, "hint:"), e.Hint)
	}
}

// printJSON prints v as one line.
func (a *app) printJSON(v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(raw(a.Stdout), termtext.JSON(b.String()))
	return err
}

// inCI reports whether CI is set to something but "", "0" or "false".
func (a *app) inCI() bool {
	switch strings.ToLower(ipc.EnvValue(a.Env, "CI")) {
	case "", "0", "false":
		return false
	}
	return true
}

// seconds formats a duration as the specification does: "2.3s".
func seconds(s float64) string { return fmt.Sprintf("%.1fs", s) }

// megabytes formats a size: "412.0 MB", as the specification's snippet does (2^20).
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }

// title makes a daemon's printed name: "discovery" to "Discovery".
func title(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

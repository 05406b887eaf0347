package words

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxShown is how much of a variable's value a reason shows, in bytes.
const maxShown = 60

// Environment is the reason of what ran again because a variable that it asks for has
// another value. Old and New hold the values as far as they are kept and shown.
func Environment(c environment.Change) ipc.Reason {
	r := ipc.Reason{Code: ipc.ReasonEnvironment, Path: c.Name, Old: shortened(c.Old.Value), New: shortened(c.New.Value)}
	if !c.Old.Set && !c.New.Set {
		r.Text = "the environment changed"
		return r
	}
	name := strconv.Quote(c.Name)
	r.Text = fmt.Sprintf("%s %s, it %s", name[1:len(name)-1], stateText("is", c.New), stateText("was", c.Old))
	return r
}

// EnvironmentCause is the cause by which a reason tells of a variable.
func EnvironmentCause(c environment.Change) ipc.Cause {
	return ipc.Cause{Kind: ipc.CauseEnvironment, Path: c.Name, Text: Environment(c).Text}
}

// stateText says what a variable is or was. Quotes make it safe to print.
func stateText(verb string, s environment.State) string {
	switch {
	case !s.Set:
		return verb + " not set"
	case !s.Kept:
		return verb + " another value"
	}
	return verb + " " + strconv.Quote(shortened(s.Value))
}

// shortened cuts a value to what is shown of it.
func shortened(value string) string {
	if len(value) <= maxShown {
		return value
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(value[n]) {
		n--
	}
	return value[:n] + "…"
}

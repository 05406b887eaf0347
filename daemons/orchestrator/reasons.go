package orchestrator

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// seen reports whether a node was made before this build. The costs forget a node that
// leaves the plan, and do not hear of builds of other processes; the history does.
func (b *build) seen(id string) bool {
	_, known := b.costs[id]
	return known || b.past()[id]
}

// completeReason fills in a reason that compilation did not give: what discovery saw, or
// that the node was never made. Compilation says "never made" of a node that it has no
// record of; the history (seen) goes further back.
func completeReason(r ipc.Reason, kind string, causes []ipc.Cause, seen bool) ipc.Reason {
	switch {
	case r.Code == "" && len(causes) > 0:
		return words.Cause(causes[0])
	case r.Code == "" && seen:
		return words.Unchanged()
	case r.Code == "":
		return words.Never(verbOf(kind))
	case r.Code == ipc.ReasonNew && seen && len(causes) > 0:
		why := words.Cause(causes[0])
		why.Preamble = r.Preamble
		return why
	case r.Code == ipc.ReasonNew && seen:
		r.Text = words.NoRecord().Text
	}
	return r
}

// verbOf says what is done by an action of a kind.
func verbOf(kind string) string {
	switch kind {
	case ipc.ActionCompile:
		return "compiled"
	case ipc.ActionCommand:
		return "run"
	}
	return "linked"
}

// list joins names for a sentence, at most limit of them.
func list(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

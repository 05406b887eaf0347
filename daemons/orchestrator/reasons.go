package orchestrator

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// reasonFor is the reason of a node for which compilation gave none: what discovery
// saw, or that nobody has made it before.
func reasonFor(id string, causes []ipc.Cause, seen bool) ipc.Reason {
	if len(causes) > 0 {
		return words.Cause(causes[0])
	}
	if !seen {
		return words.Never(verbOf(id))
	}
	return words.Unchanged()
}

// madeBefore corrects a reason of compilation, which says of what it has no record
// that it was never made: history remembers more.
func madeBefore(r ipc.Reason, seen bool) ipc.Reason {
	if r.Code == ipc.ReasonNew && seen {
		r.Text = words.NoRecord().Text
	}
	return r
}

// verbOf says what is done to a node.
func verbOf(id string) string {
	if _, isLink := linkedTarget(id); isLink {
		return "linked"
	}
	if strings.HasPrefix(id, "step:") {
		return "run"
	}
	return "compiled"
}

// list joins names for a sentence, at most limit of them.
func list(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

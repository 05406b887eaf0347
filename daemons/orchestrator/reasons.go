package orchestrator

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// reasonFor is the reason of a node for which compilation gave none: what discovery
// saw, or that nobody has made it before.
func reasonFor(id string, causes []ipc.Cause, seen bool) ipc.Reason {
	if len(causes) > 0 {
		return reasonOf(causes[0])
	}
	if !seen {
		return ipc.Reason{Code: ipc.ReasonNew, Text: "never " + verbOf(id) + " before"}
	}
	return ipc.Reason{Code: ipc.ReasonUnchanged, Text: "nothing changed"}
}

// madeBefore corrects a reason of compilation, which says of what it has no record
// that it was never made: history remembers more.
func madeBefore(r ipc.Reason, seen bool) ipc.Reason {
	if r.Code == ipc.ReasonNew && seen {
		r.Text = "nothing is known of what it was made from the last time"
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

// reasonOf puts one of discovery's causes into words.
func reasonOf(c ipc.Cause) ipc.Reason {
	switch c.Kind {
	case ipc.CauseChanged:
		return ipc.Reason{Code: ipc.ReasonInput, Text: c.Path + " changed", Path: c.Path}
	case ipc.CauseRemoved:
		return ipc.Reason{Code: ipc.ReasonRemoved, Text: c.Path + " is gone", Path: c.Path}
	case ipc.CauseAppeared:
		return ipc.Reason{Code: ipc.ReasonAppeared, Text: c.Path + " appeared", Path: c.Path}
	case ipc.CauseListing:
		return ipc.Reason{Code: ipc.ReasonListing, Text: "other files in " + c.Path, Path: c.Path}
	case ipc.CauseOutput:
		return ipc.Reason{Code: ipc.ReasonOutput, Text: c.Path + " is missing or was changed", Path: c.Path}
	}
	return ipc.Reason{Code: ipc.ReasonInput, Text: "an input changed while it was made", Path: c.Path}
}

// dependencyReason says what was needed and failed.
func dependencyReason(what string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonDependency, Text: what + " failed", Path: what}
}

func cancelledReason() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonCancelled, Text: "the build was cancelled"}
}

// list joins names for a sentence, at most limit of them.
func list(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

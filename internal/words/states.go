package words

import "github.com/RepliBuild/replibuild/ipc"

// States of a unit, link, step or build.
const (
	UpToDate  = "up to date" // nothing was done
	Cached    = "cached"     // the cache delivered it
	Compiled  = "compiled"
	Linked    = "linked"
	Generated = "generated" // a step ran
	Done      = "done"      // a build succeeded
	Failed    = "failed"
	Cancelled = "cancelled"
	Skipped   = "skipped" // something that it needs failed
	Queued    = "queued"
	Running   = "running"
	NotBuilt  = "not built yet"
)

// Kinds of work, which choose the word for a finished one.
const (
	Unit = "unit"
	Link = "link"
	Step = "step"
)

// State is the word for how work of a kind ended: status is one of [ipc.StatusCached]
// and its neighbours, code the code of its reason.
func State(kind, status, code string) string {
	switch {
	case status == ipc.StatusCached && code == ipc.ReasonUnchanged:
		return UpToDate
	case status == ipc.StatusSkipped && code == ipc.ReasonCancelled:
		return Cancelled
	case status == ipc.StatusCompiled && kind == Link:
		return Linked
	case status == ipc.StatusCompiled && kind == Step:
		return Generated
	}
	return status
}

// Build is the word for how a build ended.
func Build(success, cancelled bool) string {
	switch {
	case success:
		return Done
	case cancelled:
		return Cancelled
	}
	return Failed
}

package ipc

// Codes of a [Reason].
const (
	ReasonNew         = "new"           // never compiled before
	ReasonInput       = "input"         // an input's content changed
	ReasonAppeared    = "appeared"      // a file that was missed is there now
	ReasonRemoved     = "removed"       // an input is gone
	ReasonListing     = "listing"       // a listed folder has other names
	ReasonFlags       = "flags"         // the command line changed
	ReasonEnvironment = "environment"   // a variable that matters changed
	ReasonCompiler    = "compiler"      // another compiler, or its files changed
	ReasonEvicted     = "evicted"       // it was stored, but the cache made room
	ReasonExpired     = "expired"       // it was stored, but cache_ttl is over
	ReasonDamaged     = "damaged"       // the stored file is damaged
	ReasonCleared     = "cleared"       // the cache was emptied
	ReasonUncacheable = "uncacheable"   // it may not be stored; Detail says why
	ReasonOutput      = "output"        // the output was missing or changed by someone else
	ReasonForced      = "forced"        // the caller asked for it
	ReasonPrevious    = "failed_before" // the last attempt failed
	ReasonUnchanged   = "unchanged"     // nothing changed: in place
	ReasonHit         = "hit"           // delivered from the cache
	ReasonDependency  = "dependency"    // skipped: something it needs failed
	ReasonCancelled   = "cancelled"     // skipped: the build was cancelled
	ReasonError       = "error"         // failed: the compiler, linker or command said no
	ReasonTimeout     = "timeout"       // failed: took longer than it may
)

// ReasonCodes lists every code of a [Reason].
func ReasonCodes() []string {
	return []string{
		ReasonNew, ReasonInput, ReasonAppeared, ReasonRemoved, ReasonListing, ReasonFlags, ReasonEnvironment,
		ReasonCompiler, ReasonEvicted, ReasonExpired, ReasonDamaged, ReasonCleared, ReasonUncacheable,
		ReasonOutput, ReasonForced, ReasonPrevious, ReasonUnchanged, ReasonHit, ReasonDependency,
		ReasonCancelled, ReasonError, ReasonTimeout,
	}
}

// Reason says why a unit was or was not compiled. Text is one plain sentence
// fragment ready to print ("include/a.h changed"); the other fields are for
// programs.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Path string `json:"path,omitempty"` // the file, flag or variable that changed
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Preamble says of a unit that was compiled whether its precompiled includes were
	// used, or why not; "" = there is nothing to say.
	Preamble string `json:"preamble,omitempty"`
	// Tier says where a result was found that was not in the project's cache: "shared" or
	// "remote".
	Tier string `json:"tier,omitempty"`
}

// Values of [Reason].Tier and [TierStats].Name.
const (
	TierShared = "shared" // the store of this user's projects
	TierRemote = "remote" // a server
	TierFarm   = "farm"   // a server that executes compiles; results are never looked for there
)

// Values of [TierStats].State that matter to readers; a third is "connecting".
const (
	TierOn  = "on"
	TierOff = "off" // Why says why
)

package words

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// Never is the reason of what was never done before; verb is "compiled", "linked", …
func Never(verb string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonNew, Text: "never " + verb + " before"}
}

// NoRecord is the reason of what was done before, but its inputs are not known.
func NoRecord() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonNew, Text: "no record of the last inputs"}
}

// NotCached is the reason of what was only to be looked up, and is not in the cache.
func NotCached() ipc.Reason { return ipc.Reason{Code: ipc.ReasonNew, Text: "not in the cache"} }

// Unchanged is the reason of work for which nothing had to be done.
func Unchanged() ipc.Reason { return ipc.Reason{Code: ipc.ReasonUnchanged, Text: UpToDate} }

// Forced is the reason of what was compiled because the caller passed --no-cache.
func Forced() ipc.Reason { return ipc.Reason{Code: ipc.ReasonForced, Text: "--no-cache"} }

// FailedBefore is the reason of what is tried again after a failure.
func FailedBefore() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonPrevious, Text: "last build failed"}
}

// ChangedMeanwhile is the reason of what was compiled while an input changed.
func ChangedMeanwhile() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonInput, Text: "an input changed during the last build"}
}

// BuildCancelled is the reason of what was not done because its build was cancelled.
func BuildCancelled() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonCancelled, Text: "build cancelled"}
}

// NeededFailed is the reason of what was skipped because name, which it needs, failed.
func NeededFailed(name string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonDependency, Text: name + " failed", Path: name}
}

// Cause is the reason for one of discovery's causes.
func Cause(c ipc.Cause) ipc.Reason {
	shown := c.Path
	if shown == "" {
		shown = "an input"
	}
	r := ipc.Reason{Code: ipc.ReasonInput, Text: shown + " changed", Path: c.Path}
	switch c.Kind {
	case ipc.CauseRemoved:
		r.Code, r.Text = ipc.ReasonRemoved, shown+" was removed"
	case ipc.CauseAppeared:
		r.Code, r.Text = ipc.ReasonAppeared, shown+" appeared"
	case ipc.CauseListing:
		r.Code, r.Text = ipc.ReasonListing, "directory listing of "+shown+" changed"
	case ipc.CauseOutput:
		return Output(c.Path, cmp.Or(c.Text, OutputMissingOrChanged))
	case ipc.CauseUnsettled:
		r.Text = cmp.Or(c.Text, ChangedMeanwhile().Text)
	}
	return r
}

// What can be wrong with an output whose inputs have not changed.
const (
	OutputMissing          = "missing"
	OutputChanged          = "changed by another program"
	OutputReplaced         = "replaced by another kind of file"
	OutputMissingOrChanged = "missing or changed"
)

// Output is the reason for a wrong output. An object file is called "object": the unit
// beside it says which one.
func Output(output, wrong string) ipc.Reason {
	shown := output
	if strings.HasSuffix(output, ".o") {
		shown = "object"
	}
	return ipc.Reason{Code: ipc.ReasonOutput, Text: shown + " " + wrong, Path: output}
}

// FromCache is the reason of what the cache delivered: why the output was not there, or
// nil if that is not known.
func FromCache(why *ipc.Reason) ipc.Reason {
	if why == nil {
		return ipc.Reason{Code: ipc.ReasonHit, Text: "found in the cache"}
	}
	r := *why
	r.Code = ipc.ReasonHit
	return r
}

// FromTier is the reason of what was found beyond the project's cache. origin says where it
// was made, "" if that is not known.
func FromTier(tier, origin string) ipc.Reason {
	text := "from the " + tierNames[tier]
	if origin != "" {
		text += ", " + origin
	}
	return ipc.Reason{Code: ipc.ReasonHit, Text: text, Tier: tier}
}

var tierNames = map[string]string{ipc.TierShared: "shared store", ipc.TierRemote: "remote cache", ipc.TierFarm: "build farm"}

// There adds to a reason that a compile ran on the server at a place.
func There(why ipc.Reason, place string) ipc.Reason {
	why.Text += ", compiled on the build farm " + place
	return why
}

// Tier is what people call a place beyond the project's cache.
func Tier(name string) string { return tierNames[name] }

// NotInCache adds to a reason why the cache did not have the object: code is
// [ipc.ReasonEvicted], [ipc.ReasonExpired], [ipc.ReasonDamaged] or [ipc.ReasonCleared].
func NotInCache(why *ipc.Reason, code string) ipc.Reason {
	if why == nil {
		return ipc.Reason{Code: code, Text: Miss(code)}
	}
	r := *why
	r.Code, r.Text = code, r.Text+", "+Miss(code)
	return r
}

// Uncacheable adds to a reason that the object may not be stored.
func Uncacheable(r ipc.Reason, why string) ipc.Reason {
	r.Code, r.Text = ipc.ReasonUncacheable, r.Text+", not cached: "+why
	return r
}

// LinkInputAdded, LinkInputRemoved and LinkInputsReordered are the reasons for another
// list of files on the linker's command line.
func LinkInputAdded(file string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonInput, Text: file + " is now linked", Path: file}
}

// LinkInputRemoved is the opposite of [LinkInputAdded].
func LinkInputRemoved(file string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonInput, Text: file + " is no longer linked", Path: file}
}

// LinkInputsReordered says that the same files are linked in another order.
func LinkInputsReordered() ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonInput, Text: "link order changed"}
}

// Timeout is the reason of what ran longer than it may.
func Timeout(tool string, limit fmt.Stringer) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonTimeout, Text: fmt.Sprintf("%s took longer than %v", tool, limit)}
}

// misses names the codes of [ipc.Reason] for tables of the cache's misses.
var misses = map[string]string{
	ipc.ReasonNew:         "never compiled before",
	ipc.ReasonInput:       "source or header changed",
	ipc.ReasonAppeared:    "new file found by an include",
	ipc.ReasonRemoved:     "source or header removed",
	ipc.ReasonListing:     "directory listing changed",
	ipc.ReasonFlags:       "flags changed",
	ipc.ReasonEnvironment: "environment changed",
	ipc.ReasonCompiler:    "compiler changed",
	ipc.ReasonEvicted:     "evicted from the cache",
	ipc.ReasonExpired:     "expired in the cache",
	ipc.ReasonDamaged:     "damaged in the cache",
	ipc.ReasonCleared:     "cache cleared",
	ipc.ReasonUncacheable: "cannot be cached",
	ipc.ReasonOutput:      "output missing or changed",
	ipc.ReasonForced:      "--no-cache",
	ipc.ReasonPrevious:    "last build failed",
	ipc.ReasonUnchanged:   UpToDate,
	ipc.ReasonHit:         Cached,
	ipc.ReasonDependency:  "something it needs failed",
	ipc.ReasonCancelled:   "build cancelled",
	ipc.ReasonError:       "errors",
	ipc.ReasonTimeout:     "timeout",
}

// Miss names the code of a reason, for tables that count them; an unknown code is its
// own name.
func Miss(code string) string {
	if text, ok := misses[code]; ok {
		return text
	}
	return code
}

// Brief is the text of a reason for a narrow column: the file without its folder.
func Brief(r ipc.Reason) string {
	if r.Path == "" {
		return r.Text
	}
	return strings.Replace(r.Text, r.Path, path.Base(r.Path), 1)
}

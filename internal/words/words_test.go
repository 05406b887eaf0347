package words_test

import (
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func TestState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, status, code, want string }{
		{words.Unit, ipc.StatusCached, ipc.ReasonUnchanged, "up to date"},
		{words.Unit, ipc.StatusCached, ipc.ReasonHit, "cached"},
		{words.Unit, ipc.StatusCompiled, ipc.ReasonInput, "compiled"},
		{words.Link, ipc.StatusCompiled, ipc.ReasonInput, "linked"},
		{words.Step, ipc.StatusCompiled, ipc.ReasonInput, "generated"},
		{words.Unit, ipc.StatusFailed, ipc.ReasonError, "failed"},
		{words.Unit, ipc.StatusSkipped, ipc.ReasonCancelled, "cancelled"},
		{words.Unit, ipc.StatusSkipped, ipc.ReasonDependency, "skipped"},
	} {
		if got := words.State(c.kind, c.status, c.code); got != c.want {
			t.Errorf("State(%s, %s, %s) = %q, want %q", c.kind, c.status, c.code, got, c.want)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	missing := words.Output("build/obj/a.o", words.OutputMissing)
	for _, c := range []struct {
		reason ipc.Reason
		code   string
		text   string
	}{
		{words.Cause(ipc.Cause{Kind: ipc.CauseChanged, Path: "src/a.h"}), ipc.ReasonInput, "src/a.h changed"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseRemoved, Path: "src/a.h"}), ipc.ReasonRemoved, "src/a.h was removed"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseAppeared, Path: "src/a.h"}), ipc.ReasonAppeared, "src/a.h appeared"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseListing, Path: "src"}), ipc.ReasonListing, "directory listing of src changed"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseOutput, Path: "build/p"}), ipc.ReasonOutput, "build/p missing or changed"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseOutput, Path: "build/p", Text: "missing"}), ipc.ReasonOutput, "build/p missing"},
		{words.Cause(ipc.Cause{Kind: ipc.CauseUnsettled}), ipc.ReasonInput, "an input changed during the last build"},
		{missing, ipc.ReasonOutput, "object missing"},
		{words.NotInCache(&missing, ipc.ReasonCleared), ipc.ReasonCleared, "object missing, cache cleared"},
		{words.NotInCache(nil, ipc.ReasonEvicted), ipc.ReasonEvicted, "evicted from the cache"},
		{words.FromCache(&missing), ipc.ReasonHit, "object missing"},
		{words.FromCache(nil), ipc.ReasonHit, "found in the cache"},
		{words.Uncacheable(missing, "it uses __TIME__"), ipc.ReasonUncacheable, "object missing, not cached: it uses __TIME__"},
		{words.Timeout("the compiler", 2*time.Second), ipc.ReasonTimeout, "the compiler took longer than 2s"},
	} {
		if c.reason.Code != c.code || c.reason.Text != c.text {
			t.Errorf("got %q (%s), want %q (%s)", c.reason.Text, c.reason.Code, c.text, c.code)
		}
	}
	if missing.Code != ipc.ReasonOutput || missing.Text != "object missing" {
		t.Errorf("a reason was changed in place: %+v", missing)
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	long := words.Cause(ipc.Cause{Kind: ipc.CauseChanged, Path: "include/leveldb/export.h"})
	if got := words.Brief(long); got != "export.h changed" {
		t.Errorf("Brief = %q", got)
	}
	if got := words.Brief(words.Forced()); got != "--no-cache" {
		t.Errorf("Brief = %q", got)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{words.Plural(1, "unit"), "1 unit"},
		{words.Plural(0, "unit"), "0 units"},
		{words.Of(1, 40, "unit"), "1 of 40 units is"},
		{words.Of(2, 40, "unit"), "2 of 40 units are"},
		{words.Ago(0), "just now"},
		{words.Ago(-time.Hour), "just now"},
		{words.Ago(42 * time.Second), "42 seconds ago"},
		{words.Ago(61 * time.Second), "1 minute ago"},
		{words.Ago(49 * time.Hour), "2 days ago"},
		{words.Outcome(ipc.Counts{Failed: 1, Compiled: 2, Cached: 40, Skipped: 3}, 4), "1 failed, 2 compiled, 4 cached, 36 up to date, 3 skipped"},
		{words.Outcome(ipc.Counts{Cached: 40}, 0), "40 up to date"},
		{words.Outcome(ipc.Counts{}, 0), ""},
		{words.Cleared("0 B", 0), "the cache is empty already"},
		{words.Cleared("2 MB", 1), "2 MB, 1 object"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestFirstError(t *testing.T) {
	t.Parallel()
	const source = "src/hash.cc"
	for _, c := range []struct{ printed, want string }{
		{"In file included from x:\nsrc/hash.cc:60:15: error: expected expression\n  60 | x\n", "60:15 expected expression"},
		{"\x1b[1msrc/hash.cc:60:15: \x1b[0m\x1b[0;1;31merror: \x1b[0m\x1b[1mexpected expression\x1b[0m\n", "60:15 expected expression"},
		{"src/hash.cc:3:10: fatal error: no.h: No such file or directory\n", "3:10 no.h: No such file or directory"},
		{"include/a.h:7:1: warning: w\ninclude/a.h:8:1: error: unknown type\n", "a.h:8:1 unknown type"},
		{"LLVM ERROR: IO failure on output stream: No space left on device\nPLEASE submit a bug report\n", "IO failure on output stream: No space left on device"},
		{"ld.lld: error: undefined symbol: f()\n", "undefined symbol: f()"},
		{"/usr/bin/ld: main.o: in function `main':\nmain.cpp:(.text+0x5): undefined reference to `f()'\n", "undefined reference to `f()'"},
	} {
		d, found := words.FirstError(c.printed)
		if got := d.Text(source); !found || got != c.want {
			t.Errorf("FirstError(%q) = %q %v, want %q", c.printed, got, found, c.want)
		}
	}
	if d, found := words.FirstError("src/a.cc:1:1: warning: error: is a word here\n"); found {
		t.Errorf("a warning counts as an error: %+v", d)
	}
}

// TestEveryCodeHasAText holds the table of misses complete: a code without a text would
// be shown as the code.
func TestEveryCodeHasAText(t *testing.T) {
	t.Parallel()
	for _, code := range ipc.ReasonCodes() {
		if words.Miss(code) == code && code != ipc.ReasonTimeout {
			t.Errorf("the code %q has no text of its own", code)
		}
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"plan": "replibuild.toml", "link:app": "target app", "step:gen.h": "step gen.h", "app:src/a.cc": "src/a.cc", "odd": "odd",
	} {
		if got := words.Node(id); got != want {
			t.Errorf("Node(%s) = %q, want %q", id, got, want)
		}
	}
}

package compilation

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// mark ends the stretch of time since the last mark, or since the attempt began.
func (t *attempt) mark(name string) { t.took(name, time.Since(t.marked()).Seconds()) }

// took is mark for a span whose length is known.
func (t *attempt) took(name string, seconds float64) {
	t.spans = append(t.spans, ipc.Span{Name: name, Start: t.marked(), Seconds: seconds})
}

// marked is the end of the last stretch.
func (t *attempt) marked() time.Time {
	if len(t.spans) == 0 {
		return t.begin
	}
	last := t.spans[len(t.spans)-1]
	return last.Start.Add(time.Duration(last.Seconds * float64(time.Second)))
}

// timed ends the last stretch of an attempt, and tells of all of them if the request
// asked for it.
func (w *work) timed(t *attempt, r result, last string) result {
	if w.trace {
		t.mark(last)
		r.Spans = t.spans
	}
	return r
}

// timeTraceFlag makes a clang write a trace of what it does. It is no part of the
// recipe and so of no key: it changes nothing in the object (tried with clang 19, and
// a test holds it). A compile that is told the final name of its output writes its
// command line or its name somewhere, and is left alone; so are gcc, which has no such
// trace, and a clang before 16, which chooses the file's name itself.
func (w *work) timeTraceFlag(t *attempt, about *subject) []string {
	if w.timeTrace == "" || !filepath.IsAbs(w.timeTrace) || about.source == "" || about.gcc || t.writing != privately || clangMajor(t.recipe.Version) < 16 {
		return nil
	}
	return []string{"-ftime-trace=" + filepath.Join(w.timeTrace, ipc.TimeTraceFile(t.id))}
}

var clangVersion = lazyregexp.New(`clang version (\d+)`)

// clangMajor reads the major version from what clang prints, 0 if it is none.
func clangMajor(version string) int {
	m := clangVersion().FindStringSubmatch(version)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits, and 0 if there are too many of them
	return n
}

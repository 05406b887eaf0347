package compilation

import (
	"context"

	"github.com/RepliBuild/replibuild/cache"
)

// spawner starts a process and waits until nothing of it is left; see runner.run,
// which starts a new one. One that forks from a resident compiler can take its place.
type spawner interface {
	run(ctx context.Context, t task, started func(pid int)) (outcome, error)
}

// observer knows what a process reads. The implementations here ask the tool for a
// dependency file and compute what such a file does not tell; a tracer of system
// calls can take their place.
type observer interface {
	// watch prepares a task, before it starts, so that what it reads will be seen.
	watch(t *task, about *subject) (witness, error)
}

// witness is asked about one process once it has ended.
type witness interface {
	// rejected reports whether the process failed because of what watch did to the
	// task: it is run again after that, and watched in another way.
	rejected(o outcome) bool
	// testify says what the process read.
	testify(ctx context.Context) (*observation, error)
	// close removes what watch made.
	close()
}

// subject is what an observer may know of a process.
type subject struct {
	view   *view
	since  int64    // ns: what was changed at it or later may have been read before or after
	recipe *recipe  // of the command
	key    string   // of the recipe
	tool   []string // driver and arguments, without input and output files
	env    []string
	gcc    bool
	flags  flagFacts
	source string   // of a compile
	inputs []string // of a link: objects, libraries by path
	output string   // where the process writes, absolute
}

// observation is what one process read.
type observation struct {
	files    []string // as spelled, each once
	misses   []string
	listings []cache.Listing
	// doubt says why the list may not be what was read, "" if it is.
	doubt string
	// uncacheable says why the result may depend on more than was read, "" if not.
	uncacheable string
}

package compilation

import (
	"context"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// observer knows what a process reads. There are two kinds: one traces the process
// (traced), the other asks the tool for a dependency file and computes what such a file
// does not tell (depfileCompiles, depfileLinks). The first has one of the second kind
// behind it: to check it against, and to use for compilers that cannot be traced.
type observer interface {
	// watch prepares a task, before it starts, so that what it reads will be seen.
	watch(ctx context.Context, t *process.Task, about *subject) (witness, error)
}

// witness is asked about one process once it has ended.
type witness interface {
	// rejected reports whether the process failed, or complained, because of what watch
	// did to the task: it is run again after that, and watched in another way.
	rejected(o process.Outcome) bool
	// testify says what the process read.
	testify(ctx context.Context) (*observation, error)
	// close removes what watch made.
	close()
}

// teller is a witness that the tool itself has told what it read. told gets what is
// known to have been read, and returns nil if the tool has not told.
type teller interface {
	told(read []string) *observation
}

// subject is what an observer may know of a process.
type subject struct {
	view     *snapshot.Tree
	programs map[string]bool // files of the toolchain's own programs
	since    int64           // ns: what was changed at it or later may have been read before or after
	recipe   *recipe         // of the command
	key      string          // of the recipe
	tool     []string        // driver and arguments, without input and output files
	env      []string
	gcc      bool
	flags    flagFacts
	source   string       // of a compile
	inputs   []string     // of a link: objects, libraries by path
	command  *command     // of the plan, nil for compilers, archivers and linkers
	outputs  []string     // of a command: all that it declares
	buildDir string       // as the plan spells it; of a command
	output   string       // where the process writes, absolute
	made     []string     // further files that we made for the process, absolute
	asIs     bool         // the command may not be changed: it may get into the result
	hidden   *hiddenFiles // files that are read and are not inputs; nil = none
}

// Ways to observe a process, as records and entries of the cache keep them.
const (
	byTrace   = ""
	byDepfile = "dependency file"
)

// observation is what one process read.
type observation struct {
	files    []string // as spelled, each once
	misses   []string
	listings []cache.Listing
	stamped  []string // files whose modification time matters
	imports  bool     // a file may be read once although it says nothing of that
	// stamps are what files and folders were when the process first met them.
	stamps map[string]ipc.Signature
	// written are the files that it wrote and left, writes says more of each, ownRead are
	// the outputs whose earlier content it read. Only a trace tells.
	written []string
	writes  map[string]preload.Write
	ownRead []string
	way     string // byTrace or byDepfile
	clock   string // which word in which text stands for the time of the compile
	// doubt says why the list may not be what was read, "" if it is.
	doubt string
	// uncacheable says why the result may depend on more than was read, "" if not.
	uncacheable string
}

package compilation

import (
	"context"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// tracker finds out what a process reads. There are two kinds: one traces the process
// (traceTracker), the other has the tool write a dependency file and computes what such a
// file does not say (depfileCompiles, depfileLinks). The first has one of the second kind
// behind it: to check it against, and to use for compilers that cannot be traced.
type tracker interface {
	// track prepares a task, before it starts, so that what it reads will be seen.
	track(ctx context.Context, t *process.Task, about *subject) (tracking, error)
}

// tracking is asked about one process once it has ended.
type tracking interface {
	// rejected reports whether the process failed, or complained, because of what track
	// did to the task: it is run again after that, and tracked in another way.
	rejected(o process.Outcome) bool
	// collect says what the process read.
	collect(ctx context.Context) (*observation, error)
	// close removes what track made.
	close()
}

// selfReport is a tracking that has the tool's own report of what it read. reported gets
// what is known to have been read, and returns nil if there is no report.
type selfReport interface {
	reported(read []string) *observation
}

// subject is what a tracker may know of a process.
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
	// the outputs whose earlier content it read. Only a trace has them.
	written []string
	writes  map[string]preload.Write
	ownRead []string
	kept    []string // see keepOwn
	way     string   // byTrace or byDepfile
	foreign bool     // a program ran that does not belong to the toolchain
	// environment: listings has the variables that the process asked for.
	environment bool
	clock       string // which word in which text stands for the time of the compile
	// doubt says why the list may not be what was read, "" if it is.
	doubt string
	// uncacheable says why the result may depend on more than was read, "" if not.
	uncacheable string
	// notStored says why the result is not stored, although it is known what it depends on.
	notStored string
}

package compilation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// modePreamble is the [cache.Entry.Mode] of objects that were made with a preamble:
// with -g, their debug information may differ from a plain compile's.
const modePreamble = "preamble"

// suspect is an entry of the cache whose outputs are to be made again by the plain command,
// to see whether they are what the cache says.
type suspect struct {
	id      string
	args    func(output string) []string // of the plain command
	object  string                       // where the unit has it, absolute
	root    string
	env     []string
	timeout time.Duration
	action  cache.Digest
	output  cache.Output
	set     snapshot.InputSet
	mode    string // of the entry
	// programs are the files of the toolchain's own programs.
	programs map[string]bool
	// unobserved: the inputs were not found by watching a process.
	unobserved bool
	// remote: it came from a server.
	remote bool
	// shared is its key in the store that the user's projects share, zero if it has none.
	shared cache.Digest
	// underName is the action if the tool has to be told the outputs' own names: because it
	// writes them into what it makes, or makes several. outputs are all of the entry.
	underName *action
	outputs   []entryOutput
}

// verdict is what a recomputation says of an object.
type verdict int

const (
	void      verdict = iota // nothing: cancelled, or what it was made from has changed
	same                     // it is what the compiler makes
	different                // it is not
	unsteady                 // the compiler does not make the same twice
)

// suspectOf takes what is needed of an action and the entry that was found for it.
func (w *work) suspectOf(a *action, e *cache.Entry, set snapshot.InputSet) suspect {
	programs := a.tool(a.outputs[0]).subject.programs
	x := suspect{
		id: a.id, args: func(output string) []string { return a.tool(output).args }, object: w.view.Abs(a.outputs[0]),
		root: w.root, env: w.env, timeout: w.timeout, action: e.Action, output: mainOutput(e), set: set, mode: e.Mode,
		programs: programs, unobserved: e.Observed != "", remote: e.Remote, shared: w.sharedKey(a, set),
	}
	if a.writing != privately || len(e.Outputs) > 1 {
		x.underName = a
		x.outputs, _ = w.entryOutputs(a, e) // of a damaged entry: none, and nothing is said of it
	}
	return x
}

// sharedKey is the key of an action's result in the shared store, zero if it is not shared.
func (w *work) sharedKey(a *action, set snapshot.InputSet) (key cache.Digest) {
	if a.share == nil {
		return key
	}
	index, err := a.share.index()
	if err != nil {
		return key
	}
	return portableKey(index, snapshot.FromCache(set.ToCache(cache.Digest{})), w.roots)
}

// mainOutput is the main output of an entry.
func mainOutput(e *cache.Entry) cache.Output {
	o, _ := e.Output(declaredName(0))
	return o
}

// recompute makes a suspect again. The cache is wrong only if two plain runs agree with each
// other and not with the cache, and nothing that they read has changed meanwhile: some tools
// do not make the same twice (g++ -flto, __TIME__ by a macro).
func (s *Service) recompute(ctx context.Context, x suspect) (verdict, string) {
	dir, err := os.MkdirTemp("", "replibuild-audit-")
	if err != nil {
		return void, err.Error()
	}
	defer os.RemoveAll(dir)
	if !s.holds(x) {
		return void, "what it was made from has changed"
	}
	first, lacking, err := s.compilePlainly(ctx, x, filepath.Join(dir, "1.o"))
	switch {
	case ctx.Err() != nil:
		return void, "cancelled"
	case err != nil:
		return unsteady, err.Error()
	case s.agrees(ctx, x, dir, first):
		return s.judge(x, lacking)
	}
	second, _, err := s.compilePlainly(ctx, x, filepath.Join(dir, "2.o"))
	switch {
	case ctx.Err() != nil:
		return void, "cancelled"
	case err != nil:
		return unsteady, err.Error()
	case !s.holds(x):
		return void, "what it was made from has changed"
	case first != second:
		return unsteady, "made twice it is not the same"
	}
	return different, fmt.Sprintf("the cache has %s, made again it is %s", x.output.Blob.String()[:12], first.String()[:12])
}

// judge is the verdict on a result that came out the same. lacking is an input that its entry
// does not have, "" if it has all.
func (s *Service) judge(x suspect, lacking string) (verdict, string) {
	switch {
	case lacking == "":
		return same, ""
	case !s.holds(x):
		return void, "what it was made from has changed"
	}
	return different, "it reads " + lacking + ", which is not among the inputs of its entry"
}

// holds reports whether what the object was made from is what is there.
func (s *Service) holds(x suspect) bool {
	return snapshot.New(x.root, x.env, s.tables, s.digests).CompareSet(x.set) == nil
}

// compilePlainly makes the object at a path and returns its content, and a file that was read
// for it and that its entry does not have as an input, "" if there is none. Only the name of
// the output differs from the unit's own command.
func (s *Service) compilePlainly(ctx context.Context, x suspect, output string) (sum cache.Digest, lacking string, err error) {
	job := process.Task{Args: x.args(output), Dir: x.root, Env: x.env, Timeout: x.timeout}
	response, err := shorten(&job)
	if err != nil {
		return sum, "", err
	}
	defer response.remove()
	lacking, err = s.makeAgain(ctx, x, job, []string{output, response.path})
	if err != nil {
		return sum, "", err
	}
	sum, _, err = cache.HashFile(output)
	return sum, lacking, err
}

// makeAgain runs the plain command of a suspect under the second observer, where there is one.
// ours are files that belong to this run only.
func (s *Service) makeAgain(ctx context.Context, x suspect, job process.Task, ours []string) (lacking string, err error) {
	look := s.tracers.lookAgain(ctx, &job)
	defer look.close()
	o, err := s.runner.Run(ctx, job, nil)
	switch {
	case err != nil:
		return "", err
	case errors.Is(o.Stopped, process.ErrTimeout):
		return "", fmt.Errorf("making it again took longer than %v", x.timeout)
	case !o.OK():
		return "", fmt.Errorf("making it again fails: %s", firstLine(o.Output))
	}
	return look.missing(x, ours), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// agrees reports whether a plain object in dir is the cache's. Of an object that was
// made with a preamble, debug information is left out of the comparison.
func (s *Service) agrees(ctx context.Context, x suspect, dir string, plain cache.Digest) bool {
	if plain == x.output.Blob {
		return true
	}
	if x.mode != modePreamble || !hasDebug(x.args("")) {
		return false
	}
	ours := filepath.Join(dir, "cached.o")
	if err := s.store.Deliver(x.output, ours); err != nil {
		return false
	}
	a, err1 := withoutDebug(ctx, ours)
	b, err2 := withoutDebug(ctx, filepath.Join(dir, "1.o"))
	return errors.Join(err1, err2) == nil && a == b
}

// withoutDebug returns the content of an object without its debug information.
func withoutDebug(ctx context.Context, object string) (cache.Digest, error) {
	out := object + ".stripped"
	text, err := exec.CommandContext(ctx, "strip", "--strip-debug", "-o", out, object).CombinedOutput()
	if err != nil {
		return cache.Digest{}, fmt.Errorf("strip %s: %w: %s", object, err, text)
	}
	sum, _, err := cache.HashFile(out)
	return sum, err
}

// condemn takes a wrong object out of use. The cache and the shared store put it aside, with a
// report. In the build folder it gets an old stamp: the next build finds it changed and makes it
// again. It is not deleted, because a linker may be reading it.
func (s *Service) condemn(x suspect, detail string) {
	if x.mode == modePreamble {
		s.preambles.turnOff("one made a wrong object of " + x.id)
	}
	dir, err := s.store.Quarantine(x.action, fmt.Sprintf("unit %s\n%s", x.id, detail))
	s.log.Error("an object of the cache is not what its inputs make", "unit", x.id, "action", x.action.String(),
		"detail", detail, "kept", dir, "error", err)
	if shared := s.tiers.opened(); shared != nil && !x.shared.IsZero() && shared.Has(x.shared) {
		_, _ = shared.Quarantine(x.shared, fmt.Sprintf("unit %s of %s\n%s", x.id, x.root, detail)) // it is out of use in any case
	}
	if sum, _, err := cache.HashFile(x.object); err == nil && sum == x.output.Blob {
		makeOld(x.object)
	}
	if x.remote {
		s.distrustRemote()
	}
}

// makeOld gives a file a time that is older than that of all that it was made from: for us it
// has changed, and for a program that compares times it has to be made again.
func makeOld(file string) {
	old := time.Unix(1, 0)
	_ = os.Chtimes(file, old, old) // gone meanwhile: as good
}

// distrustRemote has all outputs made again that a server made.
func (s *Service) distrustRemote() {
	byID, _ := s.records.snapshot()
	for _, rec := range byID {
		if !rec.Remote {
			continue
		}
		for _, o := range rec.Outputs {
			if file := filepath.Join(s.cfg.Root, o.Path); !filepath.IsAbs(o.Path) && outputSignature(file) == o.Sig {
				makeOld(file)
			}
		}
	}
}

package compilation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// The inputs of a compile are not known before it: an edit may add an include, and the first
// build knows nothing. So the compiler scans the source first: it preprocesses it here, traced
// like a compile, and makes no code. That takes about a fifth of the time of the compile. What the scan reads, misses and
// lists is what the compile reads, misses and lists, because for the options that are
// accepted a compiler opens nothing after preprocessing but what assembler texts name,
// which are refused.

// scan is what a scan found.
type scan struct {
	seen    *observation
	since   int64    // ns; what was changed at it or later is in doubt
	read    []string // files that the compile reads, as they are spelled
	command []string // how the driver calls the compiler
}

// scanSource scans a unit and asks its driver how it calls the compiler, in a slot of this
// machine, before all compiles that wait: the farm waits for it.
func (w *work) scanSource(ctx context.Context, t *attempt, output string) (*scan, error) {
	at := w.placeFor(0, false, math.Inf(1))
	if err := at.wait(ctx); err != nil {
		return nil, err
	}
	defer at.release()
	s, err := w.preprocess(ctx, t)
	if err != nil {
		return nil, err
	}
	s.command, err = w.askCompiler(ctx, t, output)
	return s, err
}

func (w *work) preprocess(ctx context.Context, t *attempt) (*scan, error) {
	k := t.block.compiler
	dir, err := os.MkdirTemp(w.farm.dir, "scan-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	depfile := filepath.Join(dir, "d")
	about := t.tool(depfile).subject
	s := &scan{since: stamps.Now()}
	about.view, about.since, about.env, about.output = w.view, s.since, w.env, depfile
	about.made = []string{depfile}
	job := process.Task{
		Args: slices.Concat(withoutDependencyFlags(k.tool), []string{"-M", "-MT", "x", "-MF", depfile, t.block.given}),
		Dir:  w.root, Env: w.env, Caller: w.caller, Timeout: w.timeout, Resident: true,
	}
	texts := &depfileCompiles{texts: w.s.texts, paths: w.s.paths}
	tracked, err := (&traceTracker{w.s.tracers, scans{texts, depfile}}).track(ctx, &job, &about)
	if err != nil {
		return nil, err
	}
	defer tracked.close()
	o, err := w.s.spawner.Run(ctx, job, nil)
	switch {
	case err != nil:
		return nil, err
	case !o.OK() || tracked.rejected(o):
		return nil, fmt.Errorf("the scan failed: %s", firstLine(o.Output))
	}
	if s.seen, err = tracked.collect(ctx); err != nil {
		return nil, err
	}
	if s.read, err = w.depfileNames(depfile); err != nil {
		return nil, err
	}
	for _, name := range askedLater {
		if ipc.EnvValue(w.env, name) != "" {
			return nil, fmt.Errorf("%s is set", name)
		}
	}
	w.view.AddVariables(&s.seen.listings, askedLater)
	return s, s.seen.whyNotThere()
}

// depfileNames are the files that a dependency file names, as they are spelled.
func (w *work) depfileNames(depfile string) (read []string, err error) {
	text, err := os.ReadFile(depfile)
	if err != nil {
		return nil, err
	}
	names, err := parseDepfile(text)
	for _, n := range names {
		if n = snapshot.Spell(w.root, n); n != os.DevNull {
			read = append(read, n)
		}
	}
	return read, err
}

// sameFiles checks that the compiler reports all files that it met where sources look for
// files: only those go to the farm, and a name must not be missing there and be here. What
// the driver asks about (/etc/os-release, crtbegin.o) lies elsewhere.
func (w *work) sameFiles(s *scan) error {
	known := make(map[string]bool, len(s.read))
	for _, name := range s.read {
		known[path.Clean(w.view.Abs(name))] = true
	}
	folders := []string{w.root}
	for i, arg := range s.command[:len(s.command)-1] {
		if slices.Contains(searchArguments, arg) {
			folders = append(folders, path.Clean(w.view.Abs(s.command[i+1])))
		}
	}
	for _, name := range s.seen.files {
		clean := path.Clean(w.view.Abs(name))
		if known[clean] {
			continue
		}
		if slices.ContainsFunc(folders, func(dir string) bool { return strings.HasPrefix(clean, dir+"/") }) {
			return fmt.Errorf("it asks about %s and does not report it", name)
		}
	}
	return nil
}

// askedLater are the variables for which a clang asks after preprocessing.
// TestScanSeesWhatTheCompileSees holds the list.
var askedLater = []string{"AS_SECURE_LOG_FILE"}

// whyNotThere says why a compile that reads this does not go to a farm.
func (o *observation) whyNotThere() error {
	switch {
	case o.way != byTrace:
		return errors.New("what it reads cannot be seen")
	case o.doubt != "":
		return errors.New(o.doubt)
	case o.uncacheable != "":
		return errors.New(o.uncacheable)
	case len(o.stamped) > 0:
		return errors.New("the time of a file may count")
	}
	return nil
}

// scans is the tracker beside the trace of a scan, which writes a dependency file of its own.
type scans struct {
	*depfileCompiles
	file string
}

func (s scans) track(_ context.Context, _ *process.Task, about *subject) (tracking, error) {
	return &compileDepfile{depfileCompiles: s.depfileCompiles, about: about, file: s.file}, nil
}

// askCompiler asks the driver how it calls the compiler: one command, or it is an error. What
// the driver reads for that is among what the scan has seen.
func (w *work) askCompiler(ctx context.Context, t *attempt, output string) ([]string, error) {
	use := t.tool(output)
	job := process.Task{Args: append(use.args, "-###"), Dir: w.root, Env: w.env, Caller: w.caller, Timeout: askTimeout, Resident: true}
	about := use.subject
	about.view, about.env, about.since, about.output, about.tool = w.view, w.env, stamps.Now(), output, job.Args
	tracked, err := (&traceTracker{w.s.tracers, knowsNothing{}}).track(ctx, &job, &about)
	if err != nil {
		return nil, err
	}
	defer tracked.close()
	o, err := w.s.spawner.Run(ctx, job, nil)
	if err != nil {
		return nil, err
	}
	args, ok := parseDriverLine(o.Output)
	if !o.OK() || !ok || len(args) < 2 || args[1] != "-cc1" {
		return nil, errors.New("its driver runs more than one compiler")
	}
	if real, err := filepath.EvalSymlinks(args[0]); err != nil || !t.block.compiler.programs[real] {
		return nil, fmt.Errorf("its driver runs %s, which is not a program of the toolchain", args[0])
	}
	return args, nil
}

// parseDriverLine is parseLinkLine for a compile, which the driver may do in its own process.
func parseDriverLine(output string) ([]string, bool) {
	return parseLinkLine(strings.Replace(output, " (in-process)\n", "", 1))
}

// inputs are the files of a compile as a farm gets them: beneath folderOfInputs, with the
// names that they have here. What could mean another thing there is an error.
func (w *work) farmInputs(s *scan) (inputs []remotecache.Input, err error) {
	known := map[string]bool{}
	contents := map[[32]byte]string{}
	for _, name := range s.read {
		clean := path.Clean(w.view.Abs(name))
		if known[clean] {
			continue
		}
		known[clean] = true
		if name != clean && strings.Contains(name, "..") && w.view.Signature(clean) != w.view.Signature(name) {
			return nil, fmt.Errorf("%s leads through a link", name)
		}
		if strings.Count(clean, "/") < 2 || !utf8.ValidString(clean) || strings.ContainsAny(clean, "\\\x00") {
			return nil, fmt.Errorf("%s has a name that cannot be sent", name)
		}
		sum, err := w.view.Renew(name, s.since)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text, err := w.s.texts.Scan(w.view, name)
		if err != nil || text.Assembles {
			return nil, fmt.Errorf("%s may have the assembler read a file", name)
		}
		// Workers that keep files by content may give both the same inode, and a compiler
		// takes them for one file then.
		if twin := contents[sum]; twin != "" {
			return nil, fmt.Errorf("%s has the same content as %s", name, twin)
		}
		contents[sum] = name
		inputs = append(inputs, remotecache.Input{
			Name: folderOfInputs + clean, Digest: sum, Size: w.view.Signature(name).Size, Path: w.view.Abs(name),
		})
	}
	return inputs, nil
}

// searchedTwice says which folder a compiler searches under two names, "" if there is none: it
// leaves out the second, which it could not see on a farm.
func searchedTwice(v *snapshot.Tree, args []string) string {
	type place struct{ dev, ino uint64 }
	known := map[place]string{}
	for i, arg := range args[:len(args)-1] {
		if !slices.Contains(searchArguments, arg) {
			continue
		}
		dir := v.Abs(args[i+1])
		sig := v.Signature(snapshot.Spell(v.Root, args[i+1]))
		if !sig.Exists() {
			continue
		}
		at, clean := place{sig.Dev, sig.Ino}, path.Clean(dir)
		if before := known[at]; before != "" && before != clean {
			return dir
		}
		if resolved, err := filepath.EvalSymlinks(dir); err == nil && resolved != clean && strings.Contains(args[i+1], "..") && ipc.StatSignature(clean) != sig {
			return dir
		}
		known[at] = clean
	}
	return ""
}

// searchArguments come before a folder that a compiler searches for headers.
var searchArguments = flagList("-I", "-isystem", "-iquote", "-idirafter", "-c-isystem", "-cxx-isystem", "-internal-isystem",
	"-internal-externc-isystem", "-iwithprefix", "-iwithprefixbefore", "-isysroot")

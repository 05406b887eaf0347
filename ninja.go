package replibuild

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/daemons/setup/buildsystem"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// NinjaRunner runs the commands of a build.ninja: compiles and links by the compilation
// service of the build folder, with its cache and warm compilers, everything else by
// another runner. The service is made, or its daemon started, for the first command that
// it can run; so a build with nothing to do starts no daemon and leaves no state.
//
// The set of a build folder belongs to the folder itself, and its state lies there.
type NinjaRunner struct {
	other ninjabuild.Runner
	build string // ID of the build

	mu      sync.Mutex
	asking  []func() // each ends a search for doubts, and waits for its end
	opened  bool
	project *Project
	wiring  *wiring
	service ipc.Compilation // nil = everything by the other runner
	records *ninjaRecords   // nil = none are kept
	found   ninjaDoubts     // what discovery said before the build
	chains  map[string]*ipc.Toolchain
	sharing ipc.Sharing
	notices []ipc.Notice // of the service, each once
}

// NewNinjaRunner makes a runner for one build; other runs what the service cannot run.
// Close must be called.
func NewNinjaRunner(other ninjabuild.Runner) *NinjaRunner {
	return &NinjaRunner{other: other, build: "ninja-" + rand.Text(), chains: map[string]*ipc.Toolchain{}}
}

// Close ends what the runner has made. A daemon stays.
func (r *NinjaRunner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, end := range r.asking {
		end()
	}
	if r.wiring == nil {
		return nil
	}
	r.records.wait()
	return errors.Join(r.records.save(), r.wiring.close())
}

// WaitUploads returns when what the build made and others may use is stored for them, or ctx
// ends. It is for CI, whose process ends with the build.
func (r *NinjaRunner) WaitUploads(ctx context.Context) error {
	r.mu.Lock()
	service := r.service
	r.mu.Unlock()
	if service == nil {
		return nil
	}
	_, err := service.CacheShare(ctx, ipc.CacheShareRequest{})
	return err
}

// note keeps what users should know, each text once.
func (r *NinjaRunner) note(notices []ipc.Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range notices {
		if !slices.ContainsFunc(r.notices, func(o ipc.Notice) bool { return o.Message == n.Message }) {
			r.notices = append(r.notices, n)
		}
	}
}

// Notices are what the service has told for users so far, in its order.
func (r *NinjaRunner) Notices() []ipc.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notices)
}

// Doubts implements [ninjabuild.Doubter] for a folder that has a set already. It starts no
// daemon: where discovery's does not run, this process looks at all recorded files.
func (r *NinjaRunner) Doubts(ctx context.Context, dir string, env []string) ninjabuild.Doubts {
	root, err := filepath.Abs(dir)
	if err != nil || forTrial(root) {
		return ninjabuild.Doubts{}
	}
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan struct{})
	var found ninjaDoubts
	records := r.recordsSoFar()
	go func() {
		defer close(ready)
		records.wait() // of a build that made the manifest again
		found = findDoubts(ctx, root, env)
	}()
	end := sync.OnceFunc(func() {
		cancel()
		<-ready
		if found.close != nil {
			found.close()
		}
	})
	r.mu.Lock()
	r.asking = append(r.asking, end)
	r.mu.Unlock()
	return ninjabuild.Doubts{Ready: ready, Answer: func(made func(output string) bool) func(output string) ipc.Reason {
		<-ready
		defer end()
		r.mu.Lock()
		r.found = found
		r.mu.Unlock()
		return found.against(ctx, made)
	}}
}

func (r *NinjaRunner) recordsSoFar() *ninjaRecords {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records
}

// findDoubts asks the set of a build folder, if it has recorded any edge.
func findDoubts(ctx context.Context, root string, env []string) (found ninjaDoubts) {
	p, err := OpenBuildFolder(root, Options{Env: env})
	if err != nil {
		return found
	}
	if !p.hasNinjaRecords() {
		return found
	}
	w := newWiring(p, nil)
	if p.isWatched() {
		found = newNinjaRecords(p, w.discoveryClient()).doubts(ctx, env)
		found.watched = true
	} else if local, err := w.discovery(ctx, false); err == nil {
		found = newNinjaRecords(p, keep(w, local)).doubts(ctx, env)
	}
	found.close = w.close
	return found
}

// Run implements [ninjabuild.Runner].
func (r *NinjaRunner) Run(ctx context.Context, c ninjabuild.Command) ninjabuild.Result {
	known, ok := ninjabuild.Recognise(c)
	if !ok {
		return r.other.Run(ctx, c)
	}
	req, service := r.request(ctx, c, known)
	if service == nil {
		return r.other.Run(ctx, c)
	}
	began := time.Now()
	result, track, err := r.runOne(ctx, service, req)
	if errors.Is(err, ipc.ErrUnreachable) || ipc.CodeOf(err) == ipc.CodeStopping {
		if local := r.takeOver(service); local != nil && ctx.Err() == nil {
			result, track, err = r.runOne(ctx, local, req)
		}
	}
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, result)
	case err != nil, result.Status == ipc.StatusSkipped, result.Status == ipc.StatusFailed && result.Exit <= 0:
		return r.other.Run(ctx, c) // the service has a fault of its own
	case result.Status == ipc.StatusFailed:
		interrupted := known.Action.Kind == ipc.ActionCommand && result.Exit == exitInterrupted // as for a shell
		return ninjabuild.Result{Output: []byte(result.Diagnostics), Code: result.Exit, Interrupted: interrupted, Service: &result}
	}
	end := finished(req.Root, c, known, began, result)
	if known.Action.Kind != ipc.ActionCommand {
		r.records.add(ctx, map[string]ninjabuild.Command{known.Action.ID: c}, track)
	}
	return end
}

// runOne runs a request for one action. track is what it was made from.
func (r *NinjaRunner) runOne(ctx context.Context, service ipc.Compilation, req ipc.RunRequest) (result ipc.ActionResult, track ipc.Track, err error) {
	_, err = service.Run(ctx, req, func(p ipc.RunProgress) {
		r.note(p.Notices)
		for _, done := range p.Finished {
			result = done
		}
		addTrack(&track, p.Track)
	})
	return result, track, err
}

// addTrack adds what a message brings: its numbers go on from those of the message before.
func addTrack(all *ipc.Track, news ipc.Track) {
	all.Files = append(all.Files, news.Files...)
	all.Misses = append(all.Misses, news.Misses...)
	all.Listings = append(all.Listings, news.Listings...)
	all.Variables = append(all.Variables, news.Variables...)
	all.Nodes = append(all.Nodes, news.Nodes...)
}

// takeOver makes a service of this process in place of a daemon that is gone, for the rest
// of the build, and returns it, nil if it cannot be made. It ends the compilers that the
// daemon left before it makes their outputs.
func (r *NinjaRunner) takeOver(gone ipc.Compilation) ipc.Compilation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.service == gone { // else another command was here first
		r.service = nil
		r.openLocal()
	}
	return r.service
}

func interrupted(ctx context.Context, result ipc.ActionResult) ninjabuild.Result {
	var cause ninjabuild.Interrupt
	return ninjabuild.Result{Output: []byte(result.Diagnostics), Code: exitInterrupted, Interrupted: errors.As(context.Cause(ctx), &cause)}
}

// renew gives outputs that were left alone, because their content is right, the time of
// now: ninja goes by times.
func renew(root string, c ninjabuild.Command, began time.Time) {
	for _, out := range c.Outputs {
		if !filepath.IsAbs(out) {
			out = filepath.Join(root, out)
		}
		if info, err := os.Stat(out); err == nil && info.ModTime().Before(began) {
			_ = touch(out) // else the next build looks at it again
		}
	}
}

// request makes the request for one command. The service is nil if it cannot be had.
func (r *NinjaRunner) request(ctx context.Context, c ninjabuild.Command, known ninjabuild.Recognised) (ipc.RunRequest, ipc.Compilation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isIn(c, known) {
		return ipc.RunRequest{}, nil
	}
	req := r.newRequest(ctx, c)
	if r.service == nil || !r.addAction(ctx, &req, c, known) {
		return req, nil
	}
	return req, r.service
}

// newRequest opens the service if that was not tried yet, and makes a request without
// actions.
func (r *NinjaRunner) newRequest(ctx context.Context, c ninjabuild.Command) ipc.RunRequest {
	if !r.opened {
		r.opened = true
		r.open(ctx, c)
	}
	if r.service == nil {
		return ipc.RunRequest{}
	}
	return ipc.RunRequest{Build: r.build, Root: r.project.Root(), BuildDir: ".", Env: c.Env, Caller: caller.Own(), Sharing: r.sharing}
}

// addAction adds a command to a request, and reports whether it can be.
func (r *NinjaRunner) addAction(ctx context.Context, req *ipc.RunRequest, c ninjabuild.Command, known ninjabuild.Recognised) bool {
	if known.Action.Kind == ipc.ActionCommand {
		action := known.Action
		action.Outputs = r.outputNames(c)
		req.Actions = append(req.Actions, ipc.RunAction{Action: action})
		return true
	}
	chain := r.toolchain(ctx, c, known)
	if chain == nil {
		return false
	}
	command, action := known.Command, ipc.RunAction{Action: known.Action}
	if known.Action.Kind == ipc.ActionCompile { // what others read may have got a new time since discovery was asked
		action.Set = r.found.sets[known.Action.ID]
	}
	switch {
	case known.Archiver:
		command.Lang = ""
	case chain.CC == chain.CXX && isForC(known.Action.Source):
		command.Lang = "c"
	default:
		command.Lang = "c++" // the driver that was named is the first of its toolchain
	}
	command.Toolchain = slices.IndexFunc(req.Toolchains, func(t ipc.Toolchain) bool { return t.Equal(*chain) })
	if command.Toolchain < 0 {
		command.Toolchain, req.Toolchains = len(req.Toolchains), append(req.Toolchains, *chain)
	}
	action.Command = slices.IndexFunc(req.Commands, func(other ipc.Command) bool { return sameCommand(other, command) })
	if action.Command < 0 {
		action.Command, req.Commands = len(req.Commands), append(req.Commands, command)
	}
	req.Actions = append(req.Actions, action)
	return true
}

// isForC reports a source for which the driver of C is called, by its name.
func isForC(source string) bool {
	switch filepath.Ext(source) {
	case ".c", ".S", ".sx", ".s":
		return true
	}
	return false
}

func sameCommand(a, b ipc.Command) bool {
	return a.Toolchain == b.Toolchain && a.Lang == b.Lang && slices.Equal(a.Args, b.Args) && slices.Equal(a.Libs, b.Libs)
}

// open opens the set of the build folder. What fails leaves everything to the other runner.
func (r *NinjaRunner) open(ctx context.Context, c ninjabuild.Command) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil || forTrial(dir) {
		return
	}
	if r.project, err = OpenBuildFolder(dir, Options{Env: c.Env}); err != nil {
		return
	}
	r.wiring, r.sharing = newWiring(r.project, nil), r.project.buildFolderSharing()
	if !r.project.InCI() && r.project.unfitFor(ctx) == nil {
		client := ipc.NewCompilationClient(r.project.dialer(ipc.NameCompilation))
		r.wiring.onClose(client.Close)
		r.service = client
		r.records = newNinjaRecords(r.project, r.wiring.discoveryClient())
		return
	}
	r.openLocal()
	if r.project.isWatched() { // its records are those that the next build asks
		r.records = newNinjaRecords(r.project, r.wiring.discoveryClient())
		return
	}
	// What the last commands read is recorded when the build, and with it ctx, may have ended.
	if local, err := r.wiring.discovery(context.WithoutCancel(ctx), false); err == nil && r.service != nil {
		r.records = newNinjaRecords(r.project, keep(r.wiring, local))
	}
}

// buildFolderSharing is how far the results of a build folder may be used elsewhere, as the
// replibuild.toml that names it says. The commands of CMake name the source folder.
func (p *Project) buildFolderSharing() ipc.Sharing {
	s := ipc.Sharing{Shared: setup.ReadShared(p.describedIn())}
	if source := buildsystem.SourceDir(p.paths.Root); source != "" {
		s.Roots = []string{source}
	}
	return s
}

// openLocal makes the service in this process.
func (r *NinjaRunner) openLocal() {
	if local, err := r.wiring.compilation(nil); err == nil {
		r.service = keep(r.wiring, local)
	}
}

// unfitFor starts the daemons that a build folder needs, and says why they cannot serve this
// process.
func (p *Project) unfitFor(ctx context.Context) error {
	needed := []string{ipc.NameDiscovery, ipc.NameCompilation}
	if _, err := p.Start(ctx); err != nil && slices.ContainsFunc(needed, func(name string) bool { return !p.supervisor().Alive(name) }) {
		return err
	}
	return p.supervisor().Unfit(caller.Own(), needed...)
}

// toolchain describes a driver or an archiver, nil if it is none. The first time asks the
// program itself; later builds know it from the state in the build folder.
func (r *NinjaRunner) toolchain(ctx context.Context, c ninjabuild.Command, known ninjabuild.Recognised) *ipc.Toolchain {
	chain, found := r.chains[known.Program]
	if found {
		return chain
	}
	if strings.ContainsAny(known.Program, " \t'\"\\") {
		return nil // where a driver may be named, it may have arguments
	}
	ask := ipc.ToolchainRequest{Env: c.Env, Compiler: known.Program}
	if known.Archiver {
		ask.Compiler, ask.Archiver = "", known.Program
	}
	setup := r.wiring.setup()
	defer setup.Close()
	reply, err := setup.Toolchain(ctx, ask)
	if err == nil && len(reply.Toolchains) == 1 {
		chain = &reply.Toolchains[0]
	}
	if ctx.Err() == nil {
		r.chains[known.Program] = chain
	}
	return chain
}

// forTrial reports the folders in which CMake tries what the compiler can do: dozens of
// builds that are thrown away.
func forTrial(dir string) bool {
	return strings.Contains(filepath.ToSlash(dir)+"/", "/CMakeFiles/CMakeScratch/") ||
		strings.Contains(filepath.ToSlash(dir)+"/", "/CMakeFiles/CMakeTmp/")
}

// OpenBuildFolder opens the set of a folder with a build.ninja. Projects above it do not
// matter.
func OpenBuildFolder(dir string, o Options) (*Project, error) {
	root, err := daemons.BuildFolder(dir)
	if err != nil {
		return nil, err
	}
	return openRoot(root, o)
}

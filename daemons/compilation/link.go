package compilation

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// linkDirect are flags with which a linker writes more than its output.
var linkDirect = flagList("-Wl,-Map", "-Wl,--Map", "-save-temps", "--save-temps", "-Wl,--out-implib", "-Wl,--time-trace",
	"-Wl,--dependency-file", "-gsplit-dwarf", "-Wl,--save-temps", "-Wl,-plugin-opt=save-temps", "-Wl,--thinlto-cache-dir")

// Link implements [ipc.Compilation].
func (s *Service) Link(ctx context.Context, req ipc.LinkRequest) (ipc.LinkReply, error) {
	if err := checkLink(&req); err != nil {
		return ipc.LinkReply{}, err
	}
	ctx, w, end, err := s.newWork(ctx, req.Build, req.Root, req.Env, req.Caller, req.Timeout)
	if err != nil {
		return ipc.LinkReply{}, err
	}
	defer end()
	w.trace = req.Trace
	r := w.do(ctx, newLink(w, &req))
	track := newTrackBuilder(w.view)
	track.add(r.ID, "", r.rec)
	reply := ipc.LinkReply{Result: r.UnitResult, Track: track.news()}
	if ctx.Err() != nil {
		return reply, cancelledError(ctx, req.Build)
	}
	return reply, nil
}

func checkLink(req *ipc.LinkRequest) error {
	t := req.Target
	kinds := []string{ipc.KindExecutable, ipc.KindStatic, ipc.KindShared}
	switch {
	case t.Name == "" || t.Output == "":
		return ipc.Errorf(ipc.CodeBadRequest, "target %q: name and output must not be empty", t.Name)
	case !slices.Contains(kinds, t.Kind):
		return ipc.Errorf(ipc.CodeBadRequest, "target %s: there is no kind %q", t.Name, t.Kind)
	case t.Kind == ipc.KindStatic && req.Toolchain.AR == "":
		return ipc.Errorf(ipc.CodeNoCompiler, "target %s: no archiver (ar) was found", t.Name).WithHint("install binutils or llvm")
	}
	return nil
}

// newLink makes the action of a link or archive.
func newLink(w *work, req *ipc.LinkRequest) *action {
	l := &linker{w: w, req: req}
	a := &action{
		id: "link:" + req.Target.Name, output: req.Target.Output, causes: req.Causes, forced: req.NoCache, exact: true, urgent: true,
	}
	a.recipe = &recipe{
		Kind: req.Target.Kind, Identity: req.Toolchain.Identity, Version: req.Toolchain.Version, Root: w.root,
		Args: l.recipeArgs(), Env: keyEnv(req.Env),
	}
	a.recipeID = a.recipe.digest()
	a.line = l.args(a.output)
	a.base = func() (cache.Digest, error) { return l.base(a) }
	for _, arg := range a.recipe.Args {
		switch {
		case hasFlag(linkDirect, arg):
			a.direct, a.never = true, arg+" makes the linker write more than its output"
		case strings.HasPrefix(arg, "@"):
			a.never = cmp.Or(a.never, arg+" is read by the linker itself")
		}
	}
	a.tool = func(output string) tool { return l.tool(a, output) }
	return a
}

// linker is what makes one target.
type linker struct {
	w   *work
	req *ipc.LinkRequest
}

func (l *linker) static() bool { return l.req.Target.Kind == ipc.KindStatic }

func (l *linker) driver() string {
	if l.req.Target.LinkLang == "c" {
		return l.req.Toolchain.CC
	}
	return l.req.Toolchain.CXX
}

// archive flags: append without looking (the archive is new), make the index, say
// nothing, and leave out dates and owners so that equal members make equal archives.
const archiveFlags = "qcsD"

// recipeArgs is the command without its files.
func (l *linker) recipeArgs() []string {
	if l.static() {
		return []string{l.req.Toolchain.AR, archiveFlags}
	}
	return slices.Concat([]string{l.driver()}, l.req.Target.LinkFlags, l.req.Target.Libs)
}

// args is the whole command; see [ipc.Target].
func (l *linker) args(output string) []string {
	t := l.req.Target
	if l.static() {
		return slices.Concat([]string{l.req.Toolchain.AR, archiveFlags, output}, l.req.Objects)
	}
	return slices.Concat([]string{l.driver()}, t.LinkFlags, []string{"-o", output}, l.req.Objects, t.LinkInputs, t.Libs)
}

// members are the files that go in, in order.
func (l *linker) members() []string {
	if l.static() {
		return l.req.Objects
	}
	return slices.Concat(l.req.Objects, l.req.Target.LinkInputs)
}

// programs are the linker and the archiver themselves, by content: the toolchain's
// identity may have been taken with another linker.
func (l *linker) programs() []string {
	if l.static() {
		return []string{l.req.Toolchain.AR}
	}
	if l.req.Toolchain.LinkerPath == "" {
		return nil
	}
	return []string{l.req.Toolchain.LinkerPath}
}

// base is the key of what is known before a link: the members, in order.
func (l *linker) base(a *action) (cache.Digest, error) {
	files := make([]string, 0, 2*len(l.members()))
	for _, m := range l.members() {
		sum, err := l.w.view.DigestOf(snapshot.Spell(l.w.root, m))
		if err != nil {
			return cache.Digest{}, fmt.Errorf("read %s: %w", m, err)
		}
		files = append(files, m, sum.String())
	}
	return cache.NewKey("link").Digest("recipe", a.recipeID).Field("libs", l.req.Target.Libs...).
		Field("output", a.output).Field("members", files...).Sum(), nil
}

func (l *linker) tool(a *action, output string) tool {
	t := tool{
		args: l.args(output), watch: l.w.s.links, resident: l.req.Toolchain.Family == "clang", hasLinker: hasLinker(l.req),
		subject: subject{
			recipe: a.recipe, key: a.recipeID.String(), tool: a.recipe.Args, inputs: l.members(),
			gcc: l.req.Toolchain.Family == "gcc", programs: programSet(l.req.Toolchain),
		},
	}
	if l.static() {
		t.watch, t.resident = l.w.s.archives, isLLVM(l.req.Toolchain.AR)
	}
	for _, m := range slices.Concat(l.members(), l.programs()) {
		t.also = append(t.also, snapshot.Spell(l.w.root, m))
	}
	return t
}

// isLLVM reports whether an archiver is LLVM's, half of whose time is dynamic linking.
func isLLVM(archiver string) bool { return strings.HasPrefix(filepath.Base(archiver), "llvm-ar") }

// readsNothing observes tools that read nothing but what they are given.
type readsNothing struct{}

func (readsNothing) watch(context.Context, *process.Task, *subject) (witness, error) {
	return readsNothing{}, nil
}
func (readsNothing) rejected(process.Outcome) bool { return false }
func (readsNothing) close()                        {}
func (readsNothing) testify(context.Context) (*observation, error) {
	return &observation{way: byDepfile}, nil
}

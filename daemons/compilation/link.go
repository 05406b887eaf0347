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

// namedLinkFlags make a linker write more than its output, or its output's name into what
// it writes.
var namedLinkFlags = flagList("-Wl,-Map", "-Wl,--Map", "-Map", "--Map", "-save-temps", "--save-temps", "-Wl,--out-implib", "-Wl,--time-trace",
	"-Wl,--dependency-file", "-gsplit-dwarf", "-Wl,--save-temps", "-Wl,-plugin-opt=save-temps", "-Wl,--thinlto-cache-dir")

// newLink makes the action of a link or archive.
func newLink(w *work, req *ipc.RunRequest, asked *ipc.RunAction) *action {
	l := &linker{w: w, asked: asked, command: req.Commands[asked.Command]}
	l.toolchain = req.Toolchains[l.command.Toolchain]
	a := &action{
		id: asked.ID, outputs: asked.Outputs, causes: asked.Causes, forced: req.NoCache, exact: true, rank: rankOf(asked),
	}
	a.recipe = &recipe{
		Kind: asked.Kind, Identity: l.toolchain.Identity, Version: l.toolchain.Version, Root: w.root,
		Args: l.recipeArgs(),
	}
	a.recipeID = a.recipe.digest()
	a.line = l.args(a.outputs[0])
	a.base = func() (cache.Digest, error) { return l.base(a) }
	for _, arg := range a.recipe.Args {
		switch {
		case hasFlag(namedLinkFlags, arg):
			a.writing, a.named = underName, cmp.Or(a.named, arg)
			a.beside = append(a.beside, linkerFiles(arg)...)
		case strings.HasPrefix(arg, "@"):
			a.never = cmp.Or(a.never, arg+" is read by the linker itself")
		}
	}
	a.audited = a.writing == privately
	a.share = l.share(a)
	a.tool = func(output string) tool { return l.tool(a, output) }
	return a
}

// linkerFiles are the files that an argument may name. One too many costs nothing but a
// lock.
func linkerFiles(arg string) []string {
	parts := strings.FieldsFunc(arg, func(r rune) bool { return r == ',' || r == '=' })
	return slices.DeleteFunc(parts, func(p string) bool { return strings.HasPrefix(p, "-") })
}

// linker is what makes one target.
type linker struct {
	w         *work
	asked     *ipc.RunAction
	command   ipc.Command
	toolchain ipc.Toolchain
}

func (l *linker) static() bool { return l.asked.Kind == ipc.ActionArchive }

// recipeArgs is the command without its files.
func (l *linker) recipeArgs() []string {
	return slices.Concat([]string{l.command.Program(l.toolchain)}, l.command.Args, l.command.Libs)
}

// args is the whole command; see [ipc.Plan.Line].
func (l *linker) args(output string) []string {
	return l.command.Line(l.toolchain, &l.asked.Action, output)
}

// programs are the linker and the archiver themselves, by content: the toolchain's
// identity may have been taken with another linker.
func (l *linker) programs() []string {
	if l.static() {
		return []string{l.toolchain.AR}
	}
	if l.toolchain.LinkerPath == "" {
		return nil
	}
	return []string{l.toolchain.LinkerPath}
}

// base is the key of what is known before a link: the members, in order.
func (l *linker) base(a *action) (cache.Digest, error) {
	files := make([]string, 0, 2*len(l.asked.Inputs))
	for _, m := range l.asked.Inputs {
		sum, err := l.w.view.DigestOf(snapshot.Spell(l.w.root, m))
		if err != nil {
			return cache.Digest{}, fmt.Errorf("read %s: %w", m, err)
		}
		files = append(files, m, sum.String())
	}
	return cache.NewKey("link").Digest("recipe", a.recipeID).Field("libs", l.command.Libs...).
		Field("output", a.outputs[0]).Field("members", files...).Sum(), nil
}

func (l *linker) tool(a *action, output string) tool {
	t := tool{
		args: l.args(output), tracker: l.w.s.links, resident: l.toolchain.Family == "clang", hasLinker: l.hasLinker(),
		subject: subject{
			recipe: a.recipe, key: a.recipeID.String() + l.w.compilerVariables(), tool: a.recipe.Args, inputs: l.asked.Inputs,
			gcc: l.toolchain.Family == "gcc", programs: programSet(l.toolchain),
		},
	}
	if l.static() {
		t.tracker, t.resident = l.w.s.archives, isLLVM(l.toolchain.AR)
	}
	for _, m := range slices.Concat(l.asked.Inputs, l.programs()) {
		t.also = append(t.also, snapshot.Spell(l.w.root, m))
	}
	return t
}

// isLLVM reports whether an archiver is LLVM's, half of whose time is dynamic linking.
func isLLVM(archiver string) bool { return strings.HasPrefix(filepath.Base(archiver), "llvm-ar") }

// readsNothing observes tools that read nothing but what they are given.
type readsNothing struct{}

func (readsNothing) track(context.Context, *process.Task, *subject) (tracking, error) {
	return readsNothing{}, nil
}
func (readsNothing) rejected(process.Outcome) bool { return false }
func (readsNothing) close()                        {}
func (readsNothing) collect(context.Context) (*observation, error) {
	return &observation{way: byDepfile}, nil
}

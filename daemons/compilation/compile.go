package compilation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// compiler is one command of a request: what its units share.
type compiler struct {
	command   ipc.Command
	toolchain ipc.Toolchain
	flags     flagFacts
	recipe    *recipe
	recipeID  cache.Digest
	tool      []string        // driver and arguments as they are run
	programs  map[string]bool // of the toolchain
	never     string
	// noPreamble says why its units cannot have one, "" if they can.
	noPreamble string
	depfile    depfileWish // what its units with a preamble make beside the object
	// shared is set if results of the command may serve in other folders.
	shared *sharedCompiles
}

func newCompiler(req *ipc.RunRequest, c ipc.Command) *compiler {
	flags := readFlags(c.Args)
	r := compileRecipe(req, c, flags)
	k := &compiler{command: c, toolchain: req.Toolchains[c.Toolchain], flags: flags, recipe: r, recipeID: r.digest()}
	k.never = cmp.Or(flags.uncacheable, driverEnvironment(req.Env))
	k.tool, k.programs = r.Args, programSet(k.toolchain)
	k.depfile, k.noPreamble = whyNoPreamble(k.toolchain, c, flags)
	return k
}

// programSet are the files of a toolchain's own programs.
func programSet(t ipc.Toolchain) map[string]bool {
	set := make(map[string]bool, len(t.Programs))
	for _, file := range t.Programs {
		set[file] = true
	}
	return set
}

// unit makes the action of one unit.
func (k *compiler) unit(w *work, u *ipc.RunAction, forced bool) *action {
	source := snapshot.Spell(w.root, u.Source)
	writing := privately
	if k.flags.named != "" {
		writing = underName
	}
	return &action{
		id: u.ID, outputs: u.Outputs, recipe: k.recipe, recipeID: k.recipeID, causes: u.Causes, forced: forced,
		never: k.never, writing: writing, named: k.flags.named, beside: k.flags.beside, expected: u.ExpectedPeak, rank: rankOf(u), remaining: u.Remaining, audited: writing == privately,
		block: &block{compiler: k, given: u.Source, source: source},
		line:  k.command.Line(k.toolchain, &u.Action, u.Output()),
		base:  func() (cache.Digest, error) { return k.base(w, source, u.Output()) },
		share: k.share(w, u.Source, source, u.Output()),
		tool: func(output string) tool {
			return tool{
				args:    append(slices.Clone(k.tool), "-c", u.Source, "-o", output), // as [ipc.Command.Line]
				tracker: w.s.compiles, resident: k.toolchain.Family == "clang",
				also: []string{source},
				subject: subject{
					recipe: k.recipe, key: k.recipeID.String() + w.compilerVariables(), tool: k.tool, gcc: k.toolchain.Family == "gcc",
					flags: k.flags, source: source, programs: k.programs,
				},
			}
		},
	}
}

// base is the key of what is known before a compile.
func (k *compiler) base(w *work, source, object string) (cache.Digest, error) {
	content, err := w.view.DigestOf(source)
	if err != nil {
		return cache.Digest{}, fmt.Errorf("read %s: %w", source, err)
	}
	key := cache.NewKey("compile").Digest("recipe", k.recipeID).Field("source", source).Digest("content", content)
	if k.flags.named != "" {
		key.Field("object", object)
	}
	return key.Sum(), nil
}

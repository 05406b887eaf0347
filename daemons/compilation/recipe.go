package compilation

import (
	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// recipe is everything that an action's result depends on but its inputs (files and
// variables): what
// thousands of units share. It is kept with their records, to tell later what has
// changed.
type recipe struct {
	Kind     string   // "c", "c++", a target's kind, or "step"
	Identity string   // of the toolchain
	Version  string   // of the toolchain, for people
	Args     []string // the command without its files, the driver first
	Root     string
	CPU      string // with -march=native
}

// observationVersion changes with what is observed of a process: what was stored by less is not
// found any more.
const observationVersion = "7"

func (r *recipe) digest() cache.Digest {
	return cache.NewKey("recipe").Field("observation", observationVersion).Field("kind", r.Kind).Field("identity", r.Identity).Field("args", r.Args...).
		Field("root", r.Root).Field("cpu", r.CPU).Sum()
}

// actionKey names the result of a base key with a set of inputs.
func actionKey(base cache.Digest, set snapshot.InputSet) cache.Digest {
	files := make([]string, 0, 2*len(set.Files))
	for _, f := range set.Files {
		files = append(files, f.Path, f.Digest.String())
	}
	var listings []string
	for _, l := range set.Listings {
		listings = append(listings, l.Dir, l.Match, l.Digest)
	}
	return cache.NewKey("action").Digest("base", base).Field("inputs", files...).Field("misses", set.Misses...).
		Field("listings", listings...).Sum()
}

// compileRecipe describes how a command compiles.
func compileRecipe(req *ipc.RunRequest, c ipc.Command, flags flagFacts) *recipe {
	t := req.Toolchains[c.Toolchain]
	driver := c.Program(t)
	r := &recipe{
		Kind: c.Lang, Identity: t.Identity, Version: t.Version, Root: req.Root,
		Args: append([]string{driver}, flags.args...),
	}
	if flags.native {
		r.CPU = cpu()
	}
	return r
}

// driverEnvironment says why an environment forbids storing what a compiler makes.
func driverEnvironment(env []string) string {
	for _, name := range []string{"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"} {
		if ipc.EnvValue(env, name) != "" {
			return name + " makes the compiler write a further file"
		}
	}
	return ""
}

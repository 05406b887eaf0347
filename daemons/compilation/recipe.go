package compilation

import (
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// recipe is everything that an action's result depends on but its inputs: what
// thousands of units share. It is kept with their records, to tell later what has
// changed.
type recipe struct {
	Kind     string   // "c", "c++", a target's kind, or "step"
	Identity string   // of the toolchain
	Version  string   // of the toolchain, for people
	Args     []string // the command without its files, the driver first
	Env      []string // the variables that matter
	Root     string
	CPU      string // with -march=native
}

// observationVersion changes with what is observed of a process: what was stored by less is not
// found any more.
const observationVersion = "4"

func (r *recipe) digest() cache.Digest {
	return cache.NewKey("recipe").Field("observation", observationVersion).Field("kind", r.Kind).Field("identity", r.Identity).Field("args", r.Args...).
		Field("env", r.Env...).Field("root", r.Root).Field("cpu", r.CPU).Sum()
}

// keyVariables change what a compiler or linker makes or prints; a trailing * takes
// any rest, a leading one any beginning. PATH and the like only decide which program
// runs, and the toolchain's identity says that. TZ and TMPDIR matter for __TIME__
// and -save-temps only, which are never stored. See rule 5 of docs/correctness.md.
var keyVariables = [...]string{
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH",
	"LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_RUN_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG",
	"GCC_COLORS", "LANG", "LANGUAGE", "LC_*", "SOURCE_DATE_EPOCH", "SDKROOT", "*_DEPLOYMENT_TARGET",
	"CCC_OVERRIDE_OPTIONS", "CLANG_CONFIG_FILE_*", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
}

// keyEnv cuts an environment to the variables that matter.
func keyEnv(env []string) []string {
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		for _, v := range keyVariables {
			prefix, open := strings.CutSuffix(v, "*")
			suffix, openLeft := strings.CutPrefix(v, "*")
			if name == v || open && strings.HasPrefix(name, prefix) || openLeft && strings.HasSuffix(name, suffix) {
				out = append(out, kv)
				break
			}
		}
	}
	return out
}

// processEnv is the environment of what we run: the request's, and the folder it
// runs in, which compilers take from PWD if that names it (it ends up in debug
// information).
func processEnv(env []string, root string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if !strings.HasPrefix(kv, "PWD=") {
			out = append(out, kv)
		}
	}
	return append(out, "PWD="+root)
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
		Args: append([]string{driver}, flags.args...), Env: keyEnv(req.Env),
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

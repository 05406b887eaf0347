package setup

import (
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// findCompilers finds and identifies the compilers of all targets. The error is the
// context's.
func (p *planner) findCompilers() error {
	p.chainAt = map[string]int{}
	for _, t := range p.targets {
		chain, err := p.chainFor(t)
		if err != nil {
			return err
		}
		t.chain = chain
	}
	return nil
}

// chainFor returns the index of the toolchain that a target asks for, -1 if there is
// none.
func (p *planner) chainFor(t *target) (int, error) {
	wanted, linker := t.table.compiler.text, t.table.linker.text
	if linker == "" {
		linker = "auto"
	}
	if own := linkerOf(t.table.linkFlags.texts()); own != "" {
		linker = "default" // the flag says it, and comes last
	}
	lto := usesLTO(t.table)
	key := strings.Join([]string{wanted, linker, map[bool]string{true: "lto"}[lto]}, "\x00")
	if at, known := p.chainAt[key]; known {
		return at, nil
	}
	p.chainAt[key] = -1
	at := t.table.compiler.location
	d, no := chooseDrivers(p.w, p.root, wanted, p.env)
	if no != nil {
		p.noCompiler(at, no.suggestion, no.message)
		return -1, nil
	}
	if linkerOf(d.CXXArgs) != "" && !t.table.linker.given() {
		linker = "default" // what came with the compiler says it
	}
	prober := &prober{root: p.root, env: p.env, state: p.state}
	chain, err := prober.probe(p.ctx, p.w, d, linker, lto)
	switch {
	case err != nil:
		return -1, err
	case chain.Why != "":
		p.noCompiler(at, installHint, chain.Why)
		return -1, nil
	case chain.WhyLinker != "":
		p.problems.at(t.table.linker.location, `install it, or write linker = "auto"`, "%s", chain.WhyLinker)
	}
	for _, n := range chain.Notices {
		if !slices.Contains(p.notices, n) {
			p.notices = append(p.notices, n)
		}
	}
	p.chainAt[key] = p.addChain(chain)
	return p.chainAt[key], nil
}

// addChain returns the index of a toolchain, the same for two ways of asking for it.
func (p *planner) addChain(chain probed) int {
	for i, known := range p.chains {
		if known.Toolchain.Equal(chain.Toolchain) && slices.Equal(known.CXXArgs, chain.CXXArgs) && slices.Equal(known.CCArgs, chain.CCArgs) {
			return i
		}
	}
	p.chains = append(p.chains, chain)
	return len(p.chains) - 1
}

// noCompiler reports that a compiler is missing.
func (p *planner) noCompiler(at location, suggestion, message string) {
	before := len(p.problems.list)
	p.problems.at(at, suggestion, "%s", message)
	p.problems.compiler += len(p.problems.list) - before
}

// linkerOf returns the linker that flags ask for themselves.
func linkerOf(flags []string) string {
	for _, f := range flags {
		for _, prefix := range []string{"-fuse-ld=", "--ld-path="} {
			if name, ok := strings.CutPrefix(f, prefix); ok {
				return name
			}
		}
	}
	return ""
}

// usesLTO reports whether a target's objects hold code for the linker to compile.
func usesLTO(s settings) bool {
	for _, f := range slices.Concat(s.cxxFlags.texts(), s.cFlags.texts(), s.linkFlags.texts()) {
		if f == "-flto" || strings.HasPrefix(f, "-flto=") {
			return true
		}
	}
	return false
}

// findModules resolves what the project and its targets ask for. The error is the
// context's.
func (p *planner) findModules() error {
	store := &moduleStore{watcher: p.w, root: p.root, goos: p.goos, problems: p.problems, known: map[string]*moduleFile{}, dirs: p.moduleDirs()}
	p.resolver = &resolver{
		ctx: p.ctx, store: store, problems: p.problems, done: map[string]*module{},
		pkg: &pkgConfig{}, // until somebody asks
	}
	if p.needsPackages() {
		p.resolver.pkg = newPkgConfig(p.ctx, p.state, p.w, p.root, p.env)
	}
	if len(p.chains) > 0 {
		p.resolver.chain = p.chains[0]
	}
	shared := p.resolver.resolveAll(p.project.dependencies, []string{p.projectName()})
	for _, t := range p.targets {
		own := p.resolver.resolveAll(t.needs, []string{t.name})
		t.modules = flatten(append(slices.Clone(shared), own...))
	}
	if p.resolver.errs != nil {
		return p.resolver.errs
	}
	return p.ctx.Err()
}

func (p *planner) needsPackages() bool {
	any := func(d dependencies) bool { return len(d.modules)+len(d.pkgConfig) > 0 }
	return any(p.project.dependencies) || slices.ContainsFunc(p.targets, func(t *target) bool { return any(t.needs) })
}

// moduleDirs are the folders with module descriptions, the project's own first.
func (p *planner) moduleDirs() []string {
	dirs := []string{absolute(p.root, ".replibuild/modules")}
	dirs = append(dirs, absoluteAll(p.root, p.modules)...)
	for _, dir := range strings.Split(ipc.EnvValue(p.env, "REPLIBUILD_MODULE_PATH"), pathListSeparator) {
		if dir != "" {
			dirs = append(dirs, absolute(p.root, dir))
		}
	}
	return dirs
}

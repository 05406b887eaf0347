package setup

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// probed is all that is known of a compiler.
type probed struct {
	ipc.Toolchain
	CXXArgs, CCArgs []string // what CXX and CC said behind the driver's name
	IncludeDirs     []string // searched without being told
	LibraryDirs     []string
	Notices         []string
	Why             string // it cannot be used: why
	WhyLinker       string // the linker asked for cannot be used: why
}

// prober asks compilers what they are.
type prober struct {
	root  string
	env   []string
	state *state
}

// probe returns what is known of drivers with a linker ("auto", "mold", "lld",
// "default"); from memory while none of the files that the answer depends on has changed.
func (p *prober) probe(ctx context.Context, w watcher, d drivers, linker string, lto bool) (probed, error) {
	key := []string{d.CXX, d.CC, linker, fmt.Sprint(lto)}
	key = append(append(append(key, d.CXXArgs...), "\x01"), d.CCArgs...)
	key = append(key, environment.ForPlan(p.env)...)
	name := strings.Join(key, "\x00")
	whole := name + "\x00" + environment.PlanDigest(p.env, true)
	for _, name := range []string{name, whole} {
		if t, ok := p.known(name, w); ok {
			return t, nil
		}
	}
	own := w.with(newDeps())
	t, err := p.ask(ctx, own, d, linker, lto)
	w.deps.add(own.deps)
	if err == nil && t.Why == "" {
		anywhere := len(d.CXXArgs)+len(d.CCArgs) == 0 && saysAnywhere(p.env, d.CXX, d.CC)
		if t.readsAnything() {
			name, anywhere = whole, false
		}
		p.keep(name, t, own.deps, anywhere)
	}
	return t, err
}

// known is an answer that this set, or another of the user, has got before.
func (p *prober) known(key string, w watcher) (probed, bool) {
	if t, ok := p.state.Toolchains.get(key, p.state.Now, w); ok {
		return t, true
	}
	t, basis, ok := p.state.programs.toolchain(key, w)
	if ok {
		p.keep(key, t, basis, false)
	}
	return t, ok
}

// keep remembers an answer, for other sets too if it is the same anywhere.
func (p *prober) keep(key string, t probed, basis *deps, anywhere bool) {
	p.state.Toolchains.put(key, p.state.Now, t, basis)
	p.state.changed = true
	if anywhere && basis.Doubt == "" {
		p.state.programs.addToolchain(key, t, basis)
	}
}

// ask asks the drivers themselves.
func (p *prober) ask(ctx context.Context, w watcher, d drivers, linker string, lto bool) (probed, error) {
	t := probed{CXXArgs: d.CXXArgs, CCArgs: d.CCArgs, Notices: d.Notices}
	t.CXX, t.CC = d.CXX, d.CC
	facts, err := p.driver(ctx, d.CXX, d.CXXArgs, "c++")
	if err != nil {
		t.Why = fmt.Sprintf("%s does not work as a C++ compiler: %v", d.CXX, err)
		return t, ctx.Err()
	}
	all := []driverFacts{facts}
	if d.Foreign {
		c, err := p.driver(ctx, d.CC, d.CCArgs, "c")
		if err != nil {
			t.Why = fmt.Sprintf("%s does not work as a C compiler: %v", d.CC, err)
			return t, ctx.Err()
		}
		all = append(all, c)
	}
	t.Family, t.Version, t.Triple = facts.family, facts.version, facts.triple
	t.IncludeDirs, t.LibraryDirs = facts.includes, facts.libraries
	t.AR = p.archiver(w, facts)
	if own := ipc.EnvValue(p.env, "AR"); own != "" && t.AR != w.findProgram(p.root, own, p.env) {
		t.Notices = append(t.Notices, fmt.Sprintf("AR is %q, which is no program without arguments; RepliBuild runs %s", own, t.AR))
	}
	if t.AR == "" {
		t.Why = "there is no archiver: looked for ar, llvm-ar and gcc-ar"
		return t, nil
	}
	t.Linker, t.LinkerPath, t.WhyLinker = p.linker(ctx, w, d, facts, linker, lto)
	if err := ctx.Err(); err != nil {
		return t, err
	}
	programs, files, dirs := p.parts(w, t, all)
	t.Programs = ownPrograms(programs, t, all)
	t.Identity, err = p.identify(w, programs, files, dirs)
	if err != nil {
		t.Why = err.Error()
	}
	return t, nil
}

// program finds one of the programs that a driver starts: in its own folders, then
// on the PATH.
func (p *prober) program(w watcher, f driverFacts, name string) string {
	for _, dir := range f.programs {
		if file := filepath.Join(dir, name); w.isFile(file) && executable(w.sign(file)) {
			return file
		}
	}
	return w.findProgram(p.root, name, p.env)
}

// archiver finds ar: AR, else clang's own, which knows its bitcode and takes a third of
// the time of GNU's (CMake prefers it as well), else the system's. All make the same
// archives of objects.
func (p *prober) archiver(w watcher, f driverFacts) string {
	if own := splitShell(ipc.EnvValue(p.env, "AR")); len(own) == 1 {
		if file := w.findProgram(p.root, own[0], p.env); file != "" {
			return file
		}
	}
	if f.family == "clang" && !strings.Contains(f.triple, "apple") {
		for _, dir := range f.programs {
			if file := filepath.Join(dir, "llvm-ar"); w.isFile(file) && executable(w.sign(file)) {
				return file
			}
		}
	}
	for _, name := range []string{"ar", "llvm-ar", "gcc-ar"} {
		if file := p.program(w, f, name); file != "" {
			return file
		}
	}
	return ""
}

// linker chooses the linker and tries it: a driver may know a linker by name and not find
// it, or be too old to know its name. With link-time optimization clang needs lld: other
// linkers need a plugin that is seldom there.
func (p *prober) linker(ctx context.Context, w watcher, d drivers, f driverFacts, wanted string, lto bool) (name, file, why string) {
	var candidates []string
	switch {
	case wanted == "mold" || wanted == "lld":
		candidates = []string{wanted}
	case wanted == "default" || strings.Contains(f.triple, "apple") || strings.Contains(f.triple, "windows"):
	case lto && f.family == "clang":
		candidates = []string{"lld"}
	default:
		candidates = []string{"mold", "lld"}
	}
	for _, name := range candidates {
		file := p.program(w, f, "ld."+name)
		if file == "" {
			why = fmt.Sprintf("%s finds no ld.%s", d.CXX, name)
			continue
		}
		args := append(slices.Clone(d.CXXArgs), "-fuse-ld="+name, "-Wl,--version")
		if _, _, err := ask(ctx, p.root, withEnv(p.env, "LC_ALL=C"), d.CXX, args...); err != nil {
			why = fmt.Sprintf("%s does not link with %s: %v", d.CXX, name, err)
			continue
		}
		return name, file, ""
	}
	if wanted != "mold" && wanted != "lld" {
		why = ""
	}
	return "", p.program(w, f, "ld"), why
}

// parts are the programs, files and folders that take part in compiling and linking.
func (p *prober) parts(w watcher, t probed, all []driverFacts) (programs, files, dirs []string) {
	programs = []string{t.CXX, t.AR}
	add := func(file string) {
		if file != "" && !slices.Contains(programs, file) {
			programs = append(programs, file)
		}
	}
	add(t.CC)
	add(t.LinkerPath)
	for _, f := range all {
		add(f.compiler)
		names := []string{"as", "ld"}
		if f.family == "gcc" {
			names = append(names, "cc1", "cc1plus", "collect2", "lto-wrapper", "lto1")
			for _, dir := range f.programs {
				if plugin := filepath.Join(dir, "liblto_plugin.so"); w.isFile(plugin) {
					add(plugin)
				}
			}
		}
		for _, name := range names {
			add(p.program(w, f, name))
		}
		f.missConfigs(w)
		files = append(files, f.configs...)
		dirs = append(dirs, f.resources...)
	}
	return programs, files, dirs
}

package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// module is a module or package as it was found: what it adds to compiling and
// linking. Those that it needs are modules of their own.
type module struct {
	name, version, source string
	cflags                []string // for C and C++
	cxxFlags              []string // for C++ only
	linkFlags, libs       []string
	needs                 []*module
	by                    []string
	wanted                bool // by the project, directly or not
}

// resolver finds modules and what they need.
type resolver struct {
	ctx      context.Context
	store    *moduleStore
	pkg      *pkgConfig
	chain    probed // where headers and libraries are looked for
	problems *problems
	done     map[string]*module // by "module NAME" or "package NAME"
	errs     error              // of the context
}

// resolveAll resolves what something asks for, in order.
func (r *resolver) resolveAll(d dependencies, chain []string) []*module {
	var out []*module
	for _, req := range d.modules {
		if m := r.module(req, chain); m != nil {
			out = append(out, m)
		}
	}
	for _, req := range d.pkgConfig {
		if m := r.pkgModule(req, chain); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// module resolves one module: by its description, else as a package.
func (r *resolver) module(req requirement, chain []string) *module {
	name := req.name.text
	if slices.Contains(chain[1:], name) {
		loop := append(slices.Clone(chain[slices.Index(chain[1:], name)+1:]), name)
		r.problems.at(req.name.location, "remove one of these dependencies", "modules need each other in a circle: %s", strings.Join(loop, " → "))
		return nil
	}
	key := "module " + name
	m, known := r.done[key]
	if !known {
		m = r.find(req, append(slices.Clone(chain), name))
		r.done[key] = m
	}
	return r.used(m, req, chain)
}

// used notes that a target uses a module, and checks the wanted version.
func (r *resolver) used(m *module, req requirement, chain []string) *module {
	if m == nil {
		return nil
	}
	if chain[0] != "" {
		m.wanted = true
	}
	if by := chain[len(chain)-1]; !slices.Contains(m.by, by) {
		m.by = append(m.by, by)
	}
	if !req.version.given() || meets(m.version, req.version.text) {
		return m
	}
	names := strings.Join(append(slices.Clone(chain), m.name), " → ")
	if m.version == "" {
		r.problems.at(req.version.location, "leave the version out, or give its description [module] version",
			"the version of %s is not known, %q is wanted (%s)", m.name, req.version.text, names)
	} else {
		r.problems.at(req.version.location, "install another version, or change what is wanted",
			"%s has version %s, %q is wanted (%s)", m.name, m.version, req.version.text, names)
	}
	return m
}

func (r *resolver) find(req requirement, chain []string) *module {
	name := req.name.text
	f := r.store.find(name)
	if f == nil {
		return r.findPackage(req, chain)
	}
	m := &module{name: name, source: f.source, version: f.version.text}
	if !r.describe(m, f) {
		r.missing(req, chain, fmt.Sprintf("module %s (%s) is not installed: %s", name, f.source, r.absent(f)), r.installHint(f))
		return nil
	}
	m.needs = r.resolveAll(f.dependencies, chain)
	return m
}

// findPackage is for a module without a description: a package of that name.
func (r *resolver) findPackage(req requirement, chain []string) *module {
	name := req.name.text
	p := r.query(name)
	if p.Found {
		return packageModule(name, p)
	}
	r.missing(req, chain, "there is no module "+name,
		orDefault(didYouMean(name, append(r.store.names(), r.pkg.names()...)),
			fmt.Sprintf("describe it in .replibuild/modules/%s.toml, or install the package with its .pc file", name)))
	return nil
}

// pkgModule resolves an entry of pkg_config.
func (r *resolver) pkgModule(req requirement, chain []string) *module {
	name := req.name.text
	m, known := r.done["package "+name]
	if !known {
		if p := r.query(name); p.Found {
			m = packageModule(name, p)
		} else {
			r.missing(req, append(slices.Clone(chain), name), fmt.Sprintf("pkg-config does not find %s: %s", name, p.Why),
				orDefault(didYouMean(name, r.pkg.names()), "install its development package, or set PKG_CONFIG_PATH"))
		}
		r.done["package "+name] = m
	}
	return r.used(m, req, chain)
}

func orDefault(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// missing reports that something cannot be had, and by which way it is needed.
func (r *resolver) missing(req requirement, chain []string, message, suggestion string) {
	r.problems.at(req.name.location, suggestion, "%s (%s)", message, strings.Join(chain, " → "))
}

func (r *resolver) query(name string) pkgResult {
	p, err := r.pkg.query(r.ctx, r.store.watcher, name)
	if err != nil && r.errs == nil {
		r.errs = err
	}
	return p
}

// packageModule turns pkg-config's answer into a module.
func packageModule(name string, p pkgResult) *module {
	m := &module{name: name, version: p.Version, source: "pkg-config"}
	m.addPackage(p)
	return m
}

func (m *module) addPackage(p pkgResult) {
	m.cflags = append(m.cflags, p.Cflags...)
	for i := 0; i < len(p.Libs); i++ {
		flag := p.Libs[i : i+1]
		if takesValue(p.Libs[i]) && i+1 < len(p.Libs) {
			i++
			flag = p.Libs[i-1 : i+1]
		}
		if strings.HasPrefix(flag[0], "-L") { // where it stands does not matter
			m.linkFlags = append(m.linkFlags, flag...)
		} else {
			m.libs = append(m.libs, flag...) // -Wl,--as-needed and kin mean what follows
		}
	}
}

// flatten lists modules with all that they need, each before what it needs, as the
// linker wants static libraries.
func flatten(modules []*module) []*module {
	var out []*module
	var visit func(m *module)
	seen := map[*module]bool{}
	visit = func(m *module) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, n := range slices.Backward(m.needs) {
			visit(n)
		}
		out = append(out, m)
	}
	for _, m := range slices.Backward(modules) {
		visit(m)
	}
	slices.Reverse(out)
	return out
}

// offer resolves a module that no target uses.
func (r *resolver) offer(name string) {
	key := "module " + name
	if _, known := r.done[key]; !known {
		r.done[key] = r.find(requirement{name: word{text: name}}, []string{"", name})
	}
}

// all lists the resolved names: those that are used, or those that are not.
func (r *resolver) all(used bool) []ipc.Module {
	out := []ipc.Module{}
	for _, key := range sortedKeys(r.done) {
		m := r.done[key]
		if m == nil || m.wanted != used {
			continue
		}
		out = append(out, ipc.Module{
			Name: m.name, Version: m.version, Source: m.source, Used: used, By: m.by,
			Flags: slices.Concat(m.cflags, m.cxxFlags), Libs: slices.Concat(m.linkFlags, m.libs),
		})
	}
	return out
}

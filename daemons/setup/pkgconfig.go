package setup

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// pkgResult is what pkg-config says of a package.
type pkgResult struct {
	Found   bool
	Why     string // not found: the first line of its complaint
	Version string
	Cflags  []string
	Libs    []string
	File    string // the .pc file
}

// pkgConfig asks pkg-config of a caller's environment.
type pkgConfig struct {
	root    string
	env     []string
	program string   // "" = there is none
	args    []string // that PKG_CONFIG has for it
	dirs    []string // where it looks for .pc files, in order
	memory  memo[pkgResult]
	now     int64
}

// newPkgConfig finds the program (PKG_CONFIG, pkg-config, pkgconf) and its search
// path.
func newPkgConfig(ctx context.Context, s *state, w watcher, root string, env []string) *pkgConfig {
	p := &pkgConfig{root: root, env: env, memory: s.Packages, now: s.Now}
	names := []string{"pkg-config", "pkgconf"}
	if own := splitShell(ipc.EnvValue(env, "PKG_CONFIG")); len(own) > 0 {
		names, p.args = own[:1], own[1:]
	}
	for _, name := range names {
		if p.program = w.findProgram(root, name, env); p.program != "" {
			break
		}
	}
	if p.program == "" {
		return p
	}
	p.dirs = absoluteAll(root, filepath.SplitList(ipc.EnvValue(env, "PKG_CONFIG_PATH")))
	own := ipc.EnvValue(env, "PKG_CONFIG_LIBDIR")
	if own == "" {
		own = p.builtinPath(ctx, s, w)
	}
	p.dirs = append(p.dirs, absoluteAll(root, filepath.SplitList(own))...)
	return p
}

// builtinPath is where the program looks by itself.
func (p *pkgConfig) builtinPath(ctx context.Context, s *state, w watcher) string {
	key := "path\x00" + p.program + "\x00" + strings.Join(pkgEnv(p.env), "\x00")
	if path, ok := s.Words.get(key, s.Now, w); ok {
		return path
	}
	out, _, err := ask(ctx, p.root, p.env, p.program, append(slices.Clone(p.args), "--variable", "pc_path", "pkg-config")...)
	if err != nil {
		return ""
	}
	path := strings.TrimSpace(out)
	b := newDeps()
	w.with(b).exists(p.program)
	s.Words.put(key, s.Now, path, b)
	return path
}

func absoluteAll(root string, dirs []string) []string {
	var out []string
	for _, dir := range dirs {
		if dir != "" {
			out = append(out, absolute(root, dir))
		}
	}
	return out
}

// pkgEnv is the part of an environment that changes pkg-config's answers.
func pkgEnv(env []string) []string {
	var out []string
	for _, kv := range env {
		if strings.HasPrefix(kv, "PKG_CONFIG") || strings.HasPrefix(kv, "CPATH=") || strings.HasPrefix(kv, "C_INCLUDE_PATH=") ||
			strings.HasPrefix(kv, "CPLUS_INCLUDE_PATH=") || strings.HasPrefix(kv, "LIBRARY_PATH=") {
			out = append(out, kv) // the latter name folders whose -I and -L it leaves out
		}
	}
	return out
}

// query asks for one package. The error is for an answer that could not be had.
func (p *pkgConfig) query(ctx context.Context, w watcher, name string) (pkgResult, error) {
	if p.program == "" {
		return pkgResult{Why: "there is no pkg-config"}, nil
	}
	key := strings.Join(append([]string{name, p.program, p.root}, pkgEnv(p.env)...), "\x00")
	if r, ok := p.memory.get(key, p.now, w); ok {
		return r, nil
	}
	own := w.with(newDeps())
	own.exists(p.program)
	r := pkgResult{File: p.readAll(own, name)}
	if err := p.run(ctx, name, &r); err != nil {
		return r, err
	}
	w.deps.add(own.deps)
	p.memory.put(key, p.now, r, own.deps)
	return r, nil
}

// run asks the three questions at once; each takes some milliseconds.
func (p *pkgConfig) run(ctx context.Context, name string, r *pkgResult) error {
	var wg sync.WaitGroup
	var outs [3]string
	var errs [3]error
	for i, option := range []string{"--modversion", "--cflags", "--libs"} {
		wg.Go(func() {
			outs[i], _, errs[i] = ask(ctx, p.root, withEnv(p.env, "LC_ALL=C"), p.program, append(slices.Clone(p.args), "--print-errors", option, name)...)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, err := range errs {
		if err != nil {
			r.Why = strings.TrimPrefix(err.Error(), "exit status 1: ")
			return nil
		}
	}
	r.Found, r.Version = true, strings.TrimSpace(outs[0])
	r.Cflags, r.Libs = splitShell(outs[1]), splitShell(outs[2])
	return nil
}

// readAll notes the .pc files of a package and of all that it requires, and every
// place where one of them would have been found earlier. It returns the package's
// own file, "" if there is none.
func (p *pkgConfig) readAll(w watcher, name string) string {
	file := ""
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		found, requires := p.readOne(w, queue[0])
		if queue[0] == name {
			file = found
		}
		for _, r := range requires {
			if !seen[r] {
				seen[r] = true
				queue = append(queue, r)
			}
		}
	}
	return file
}

// readOne looks for a package's file where pkg-config does, "-uninstalled" first.
func (p *pkgConfig) readOne(w watcher, name string) (file string, requires []string) {
	for _, suffix := range []string{"-uninstalled.pc", ".pc"} {
		for _, dir := range p.dirs {
			if file = filepath.Join(dir, name+suffix); w.isFile(file) {
				text, err := w.read(file)
				if err != nil {
					return file, nil
				}
				return file, pcRequires(string(text))
			}
		}
	}
	return "", nil
}

// pcRequires names the packages that a .pc file requires, publicly or privately:
// pkg-config reads the latter too, for their cflags.
func pcRequires(text string) []string {
	vars := map[string]string{}
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		line, _, _ = strings.Cut(line, "#")
		at := strings.IndexAny(line, ":=")
		if at < 0 {
			continue
		}
		name, value := strings.TrimSpace(line[:at]), expandPC(strings.TrimSpace(line[at+1:]), vars)
		switch {
		case line[at] == '=':
			vars[name] = value
		case name == "Requires" || name == "Requires.private" || name == "Requires.internal":
			out = append(out, requiredNames(value)...)
		}
	}
	return out
}

func expandPC(text string, vars map[string]string) string {
	for name, value := range vars {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return text
}

// requiredNames reads "a >= 1.2, b c" as a, b and c.
func requiredNames(text string) []string {
	var out []string
	items := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for i := 0; i < len(items); i++ {
		if strings.ContainsAny(items[i][:1], "<>=!") {
			i++ // the version
			continue
		}
		out = append(out, items[i])
	}
	return out
}

// names lists the packages that a search path offers, for suggestions.
func (p *pkgConfig) names() []string {
	var out []string
	for _, dir := range p.dirs {
		files, _ := listNames(dir, "*.pc")
		for _, f := range files {
			out = append(out, strings.TrimSuffix(f, ".pc"))
		}
	}
	return out
}

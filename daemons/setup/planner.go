package setup

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// planner makes one plan. Each of its steps reports all the mistakes that it can
// see; a later step leaves out what an earlier one found unusable.
type planner struct {
	ctx      context.Context
	root     string
	goos     string
	env      []string
	modules  []string // folders of module descriptions after the project's own
	state    *state
	w        watcher
	problems *problems

	doc      *document
	project  *project
	buildDir string
	targets  []*target // those that others depend on first
	steps    []*step   // as in the file
	made     map[string]*step
	chains   []probed
	chainAt  map[string]int
	resolver *resolver
	scanned  map[string]mainSeen // sources read to find main
	notices  []string
}

// target is a target on its way to the plan.
type target struct {
	name    string
	at      location
	kind    string // "" until its sources were looked at
	table   settings
	library word
	needs   dependencies
	depends []*target
	again   []*target // those of depends that were named before
	modules []*module
	sources []string // in plan form, sorted
	chain   int      // index in planner.chains, -1 if there is none
	pic     bool     // its objects end up in a shared library
}

// run makes the plan, none for a project with [build]. Mistakes are in p.problems; the error
// is for failures that are not mistakes in the configuration.
func (p *planner) run() (*ipc.Plan, error) {
	if !p.load() {
		return nil, nil
	}
	if build := p.project.build; build != nil {
		build.check(build.resolve(p.root), p.env, p.problems)
		return nil, nil
	}
	p.makeTargets()
	p.makeSteps()
	if err := p.findCompilers(); err != nil {
		return nil, err
	}
	if err := p.findModules(); err != nil {
		return nil, err
	}
	p.findSources()
	p.checkFolders()
	p.resolveSteps()
	p.checkOrder()
	if p.problems.list == nil {
		p.checkOutputs()
	}
	if p.problems.list != nil || p.ctx.Err() != nil {
		return nil, p.ctx.Err()
	}
	return p.assemble(), nil
}

// load reads replibuild.toml.
func (p *planner) load() bool {
	file := filepath.Join(p.root, configFile)
	text, err := p.w.read(file)
	if err != nil {
		hint := "`replibuild init` writes one"
		if _, foreign := os.Stat(filepath.Join(p.root, "build.ninja")); foreign == nil {
			hint = "`replibuild compile` builds this folder by its build.ninja"
		}
		p.problems.at(location{}, hint, "cannot be read: %v", cause(err))
		return false
	}
	if p.doc = parseDocument(configFile, string(text), p.problems); p.doc == nil {
		return false
	}
	p.project = readProject(p.doc, p.goos, p.problems)
	p.buildDir = "build"
	if p.project.outDir.given() {
		p.buildDir = path.Clean(p.project.outDir.text)
	}
	for _, name := range []string{"CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"} {
		if ipc.EnvValue(p.env, name) != "" {
			p.notices = append(p.notices, name+" is set, and not used: flags come from "+configFile)
		}
	}
	return true
}

// genDir is where steps write, and where headers are searched if there are any.
func (p *planner) genDir() string { return p.buildDir + "/gen" }

// expand replaces {out}.
func (p *planner) expand(text string) string { return strings.ReplaceAll(text, "{out}", p.genDir()) }

// projectName is [project] name, else that of the folder.
func (p *planner) projectName() string {
	if p.project.name.given() {
		return p.project.name.text
	}
	return filepath.Base(p.root)
}

var notInNames = lazyregexp.New(`[^A-Za-z0-9_.+-]+`)

// fileNameOf makes a project's name usable as that of a target.
func fileNameOf(name string) string {
	name = strings.TrimLeft(notInNames().ReplaceAllString(name, "_"), "_.+-")
	if name == "" {
		return "project"
	}
	return name
}

// makeTargets makes targets from the tables, and puts those that others depend on
// first.
func (p *planner) makeTargets() {
	pr := p.project
	if len(pr.targets) == 0 {
		at := location{doc: p.doc, path: tomlplace.Path("").Child("project")}
		p.targets = []*target{{name: fileNameOf(p.projectName()), at: at, kind: pr.kind.text, table: pr.base, library: pr.library}}
		return
	}
	for _, w := range []word{pr.kind, pr.library} {
		if w.given() {
			p.problems.at(w.key(), "write it into a [targets.NAME] table", "%s is for projects without [targets]", w.path)
		}
	}
	byName := map[string]*target{}
	var all []*target
	for _, t := range pr.targets {
		n := &target{name: t.name.text, at: t.name.location, kind: t.kind.text, table: t.own.over(pr.base), library: t.library, needs: t.dependencies}
		byName[n.name] = n
		all = append(all, n)
	}
	for i, t := range pr.targets {
		p.addDepends(all[i], t.depends, byName)
	}
	p.orderTargets(all)
}

// addDepends turns names into targets.
func (p *planner) addDepends(t *target, names words, byName map[string]*target) {
	seen := map[string]bool{}
	for _, w := range names.items {
		d := byName[w.text]
		switch {
		case d == nil:
			p.problems.at(w.location, orList(w.text, sortedKeys(byName), "targets"), "%s depends on %q, which is no target", t.name, w.text)
		case d.kind == ipc.KindExecutable:
			p.problems.at(w.location, "move what both need into a library", "%s depends on %s, which is an executable and cannot be linked", t.name, d.name)
		case seen[w.text]:
			t.again = append(t.again, d)
		default:
			seen[w.text] = true
			t.depends = append(t.depends, d)
		}
	}
}

// orderTargets sorts by need, else as in the file, and reports circles.
func (p *planner) orderTargets(all []*target) {
	const visiting, done = 1, 2
	mark := map[*target]int{}
	var stack []*target
	var visit func(t *target)
	visit = func(t *target) {
		mark[t] = visiting
		stack = append(stack, t)
		kept := t.depends[:0:0]
		for _, d := range t.depends {
			switch mark[d] {
			case visiting:
				p.reportCircle(stack, d)
				continue
			case 0:
				visit(d)
			}
			kept = append(kept, d)
		}
		t.depends = kept
		stack = stack[:len(stack)-1]
		mark[t] = done
		p.targets = append(p.targets, t)
	}
	for _, t := range all {
		if mark[t] == 0 {
			visit(t)
		}
	}
}

// reportCircle names the chain that leads from a target back to itself, where it
// begins.
func (p *planner) reportCircle(stack []*target, back *target) {
	chain := append(slices.Clone(stack[slices.Index(stack, back):]), back)
	names := make([]string, len(chain))
	for i, t := range chain {
		names[i] = t.name
	}
	at := back.at
	for _, t := range p.project.targets {
		for _, w := range t.depends.items {
			if t.name.text == back.name && w.text == names[1] {
				at = w.location
			}
		}
	}
	p.problems.at(at, "remove one of these from depends", "targets depend on each other in a circle: %s", strings.Join(names, " → "))
}

package setup

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// step is a [[generate]] table on its way to the plan.
type step struct {
	table   stepTable
	command []string
	inputs  []string // in plan form
	outputs []string // in plan form, beneath genDir
	needs   []*step
	uses    []*target // whose outputs it runs or reads
}

func (s *step) name() string { return s.outputs[0] }

func (s *step) id() string { return "step:" + s.name() }

// makeSteps checks the tables.
func (p *planner) makeSteps() {
	p.made = map[string]*step{}
	for _, table := range p.project.steps {
		s := &step{table: table}
		if p.stepOutputs(s); len(s.outputs) > 0 {
			p.steps = append(p.steps, s)
		}
	}
	for _, s := range p.steps {
		p.stepCommand(s)
		p.stepInputs(s)
	}
}

// stepOutputs checks where a step writes.
func (p *planner) stepOutputs(s *step) {
	if !s.table.outputs.given() || len(s.table.outputs.items) == 0 {
		if s.table.outputs.given() || !p.complained(s.table.path.Child("outputs")) {
			p.problems.at(s.table.location, `for example outputs = ["api.h"]`, "%s has no outputs", s.table.path)
		}
		return
	}
	for _, w := range s.table.outputs.items {
		name := path.Clean(strings.TrimPrefix(filepath.ToSlash(p.expand(w.text)), p.genDir()+"/"))
		if path.IsAbs(name) || name == "." || name == ".." || strings.HasPrefix(name, "../") || hasMeta(name) {
			p.problems.at(w.location, "outputs are files beneath {out}, which is "+p.genDir(), "%s is %q, which is not beneath {out}", w.path, w.text)
			continue
		}
		output := p.genDir() + "/" + name
		if other := p.made[output]; other != nil {
			p.problems.at(w.location, "let one step make it", "%s is made by %s already", output, other.table.path)
			continue
		}
		if inside := p.outputAround(output); inside != "" {
			p.problems.at(w.location, "", "%s and %s cannot both be outputs: one would be a folder", output, inside)
			continue
		}
		p.made[output] = s
		s.outputs = append(s.outputs, output)
	}
}

// outputAround returns an output that would have to be a folder for this one, or the
// other way round.
func (p *planner) outputAround(output string) string {
	for _, other := range sortedKeys(p.made) {
		if strings.HasPrefix(output, other+"/") || strings.HasPrefix(other, output+"/") {
			return other
		}
	}
	return ""
}

// complained reports whether a mistake was found at a path or beneath it.
func (p *planner) complained(at tomlplace.Path) bool {
	return slices.ContainsFunc(p.problems.list, func(problem ipc.Problem) bool {
		return strings.HasPrefix(problem.Message, at.String()+" ")
	})
}

// stepCommand finds the program.
func (p *planner) stepCommand(s *step) {
	words := s.table.command.items
	if len(words) == 0 {
		if s.table.command.given() || !p.complained(s.table.path.Child("command")) {
			p.problems.at(s.table.location, `for example command = ["python3", "tools/gen.py", "{out}/api.h"]`, "%s has no command", s.table.path)
		}
		return
	}
	for _, w := range words {
		s.command = append(s.command, p.expand(w.text))
		p.stepTargets(s, w)
	}
	if strings.Contains(s.command[0], targetOpen) {
		return // made by this build
	}
	program := p.w.findProgram(p.root, s.command[0], p.env)
	switch {
	case underneath(planPath(p.root, s.command[0]), p.buildDir):
		p.problems.at(words[0].location, `write "{target:NAME}" for the program of a target`, "%s lies in the build folder", s.command[0])
	case program == "" && strings.Contains(s.command[0], " ") && len(words) == 1:
		p.problems.at(words[0].location, "write each argument as a string of its own; for a shell: [\"sh\", \"-c\", …]", "there is no program %q", s.command[0])
	case program == "":
		p.problems.at(words[0].location, "install it, or write its path from the project's root", "there is no program %q", s.command[0])
	case !executable(p.w.sign(program)):
		p.problems.at(words[0].location, "chmod +x it, or name its interpreter first", "%s is not executable", s.command[0])
	default:
		if shown := relative(p.root, program); strings.Contains(shown, "/") {
			s.command[0] = shown
		} else {
			s.command[0] = "./" + shown
		}
	}
	if program != "" && !path.IsAbs(relative(p.root, program)) {
		s.addInput(relative(p.root, program))
	}
}

// stepInputs checks what a step reads: files, patterns, outputs of other steps.
func (p *planner) stepInputs(s *step) {
	for _, w := range s.table.inputs.items {
		if p.stepTargets(s, w) {
			continue
		}
		name := planPath(p.root, p.expand(w.text))
		switch other := p.made[name]; {
		case other == s:
			p.problems.at(w.location, "", "%s is made by this step and cannot be its input", name)
		case other != nil:
			s.addInput(name)
			if !slices.Contains(s.needs, other) {
				s.needs = append(s.needs, other)
			}
		case hasMeta(w.text):
			p.stepPattern(s, w)
		case underneath(name, p.genDir()):
			p.problems.at(w.location, "name it in the outputs of a step", "no step makes %s", name)
		case underneath(name, p.buildDir):
			p.problems.at(w.location, `write "{target:NAME}" for what a target makes`, "%s lies in the build folder", name)
		case p.w.isFile(absolute(p.root, name)):
			s.addInput(name)
		case p.w.isDir(absolute(p.root, name)):
			p.problems.at(w.location, "name its files, for example "+name+"/**", "%s is a folder", name)
		default:
			p.problems.at(w.location, p.nearFile(name), "there is no file %s", name)
		}
	}
}

func (p *planner) stepPattern(s *step, w word) {
	dir, match := splitPattern(w.text)
	names, err := p.w.list(absolute(p.root, dir), match)
	if err != nil {
		p.problems.at(w.location, "", "%s cannot be listed: %v", dir, cause(err))
	}
	found := false
	for _, name := range names {
		file := planPath(p.root, path.Join(filepath.ToSlash(dir), name))
		if !underneath(file, p.genDir()) && !leftByEditor(file) && p.w.isFile(absolute(p.root, file)) {
			s.addInput(file)
			found = true
		}
	}
	if !found && err == nil {
		p.problems.at(w.location, "", "%s matches no file", w.text)
	}
}

// targetOpen begins a {target:NAME} in a command or input of a step.
const targetOpen = "{target:"

// stepTargets notes the targets that an argument or input names, and reports whether it
// names any.
func (p *planner) stepTargets(s *step, w word) bool {
	names := targetsNamed(w.text)
	for _, name := range names {
		i := slices.IndexFunc(p.targets, func(t *target) bool { return t.name == name })
		switch {
		case i < 0:
			p.problems.at(w.location, orList(name, p.targetNames(), "targets"), "%s names %q, which is no target", w.path, name)
		case !slices.Contains(s.uses, p.targets[i]):
			s.uses = append(s.uses, p.targets[i])
		}
	}
	return names != nil
}

// targetsNamed lists the names in the {target:NAME} of a text.
func targetsNamed(text string) (names []string) {
	for {
		_, rest, found := strings.Cut(text, targetOpen)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return names
		}
		names, text = append(names, name), after
	}
}

func (p *planner) targetNames() []string {
	names := make([]string, len(p.targets))
	for i, t := range p.targets {
		names[i] = t.name
	}
	return names
}

// resolveSteps puts the outputs of targets into commands and inputs: their kinds, and so
// their names, are known only when their sources were looked at.
func (p *planner) resolveSteps() {
	for _, s := range p.steps {
		if len(s.uses) == 0 {
			continue
		}
		p.checkStepProgram(s)
		var pairs []string
		for _, t := range s.uses {
			pairs = append(pairs, targetOpen+t.name+"}", p.output(t))
			s.addInput(p.output(t))
		}
		r := strings.NewReplacer(pairs...)
		for i, arg := range s.command {
			s.command[i] = r.Replace(arg)
		}
	}
}

// checkStepProgram refuses a library as a program.
func (p *planner) checkStepProgram(s *step) {
	for _, name := range targetsNamed(s.command[0]) {
		for _, t := range s.uses {
			if t.name == name && t.kind != ipc.KindExecutable {
				p.problems.at(s.table.command.items[0].location, "name an executable target first", "%s is a %s library and cannot be run", name, t.kind)
			}
		}
	}
}

func (s *step) addInput(name string) {
	if !slices.Contains(s.inputs, name) {
		s.inputs = append(s.inputs, name)
	}
}

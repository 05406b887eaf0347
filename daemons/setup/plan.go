package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// The values of keys that were not written.
const (
	defaultCXXStandard  = "c++17"
	defaultCStandard    = "c17"
	defaultOptimization = "2"
	defaultDebug        = true
	defaultInclude      = "include"
)

// checkOutputs finds sources that would be compiled into one object, and targets
// that would be linked into one file.
func (p *planner) checkOutputs() {
	taken := map[string]string{
		p.buildDir + "/obj": "the folder of objects", p.genDir(): "the folder of generated files",
		p.buildDir + "/compile_commands.json": "the compilation database",
	}
	for _, t := range p.targets {
		output := p.output(t)
		if by, ok := taken[output]; ok {
			p.problems.at(t.at, "rename one, or give it a library_name", "the output of %s, %s, is %s already", t.name, output, by)
		}
		taken[output] = "the output of " + t.name
		objects := map[string]string{}
		for _, source := range t.sources {
			object := p.object(t, source)
			if other, ok := objects[object]; ok {
				p.problems.at(t.at, "rename one, or move it into the project", "%s and %s of %s would have the same object, %s", other, source, t.name, object)
			}
			objects[object] = source
		}
	}
}

// object is where a source is compiled to: beneath a folder of its target, by its path
// from the root.
func (p *planner) object(t *target, source string) string {
	if path.IsAbs(source) || filepath.IsAbs(source) {
		if rel, err := filepath.Rel(p.root, filepath.FromSlash(source)); err == nil {
			source = filepath.ToSlash(rel)
		} else { // on another drive
			source = strings.Replace(source, ":", "", 1)
		}
	}
	parts := strings.Split(strings.TrimPrefix(source, "/"), "/")
	for i, part := range parts {
		if part == ".." {
			parts[i] = "__"
		}
	}
	last := &parts[len(parts)-1]
	*last = objectName(*last)
	return p.buildDir + "/obj/" + t.name + "/" + strings.Join(parts, "/")
}

// maxName is how long the name of a file may be, in bytes.
const maxName = 255

// objectName is the name of a source's object. Where ".o" does not fit any more, a hash
// takes the place of the end.
func objectName(source string) string {
	if len(source)+len(".o") <= maxName {
		return source + ".o"
	}
	sum := sha256.Sum256([]byte(source))
	return strings.ToValidUTF8(source[:200], "") + "-" + hex.EncodeToString(sum[:8]) + ".o"
}

// output is what a target is linked to.
func (p *planner) output(t *target) string {
	dir := p.buildDir + "/"
	if t.kind == ipc.KindExecutable {
		if p.goos == "windows" {
			return dir + t.name + ".exe"
		}
		return dir + t.name
	}
	ending := map[string]string{ipc.KindStatic: ".a", ipc.KindShared: ".so"}[t.kind]
	switch {
	case p.goos == "darwin" && t.kind == ipc.KindShared:
		ending = ".dylib"
	case p.goos == "windows":
		ending = map[string]string{ipc.KindStatic: ".lib", ipc.KindShared: ".dll"}[t.kind]
	}
	stem := "lib" + strings.TrimPrefix(t.name, "lib")
	if t.library.given() {
		stem = t.library.text
	}
	if strings.HasSuffix(stem, ending) || strings.Contains(stem, ".so.") {
		return dir + stem
	}
	return dir + stem + ending
}

// assemble makes the plan of what was found.
func (p *planner) assemble() *ipc.Plan {
	plan := &ipc.Plan{
		Project: p.projectName(), Version: p.project.version.text, Root: p.root, BuildDir: p.buildDir,
		Env: environment.ForPlan(p.env), Jobs: p.project.jobs, Notices: p.notices,
		Sharing: ipc.Sharing{Shared: p.project.shared.or(false)}, DebugRoot: p.debugRoot(),
		Commands: []ipc.Command{}, Actions: []ipc.Action{}, Targets: []ipc.Target{},
	}
	for _, c := range p.chains {
		plan.Toolchains = append(plan.Toolchains, c.Toolchain)
		plan.WholeEnvironment = plan.WholeEnvironment || c.readsAnything()
	}
	p.addActions(plan)
	plan.ID = planID(plan)
	plan.Track = p.w.deps.track(p.root)
	p.addScanned(&plan.Track)
	return plan
}

// addScanned adds the sources that were read to find main. They are not part of the deps:
// an edit that does not change the answer does not change the plan.
func (p *planner) addScanned(t *ipc.Track) {
	for _, file := range sortedKeys(p.scanned) {
		t.Nodes[0].Inputs = append(t.Nodes[0].Inputs, uint32(len(t.Files)))
		t.Files = append(t.Files, ipc.FileSig{Path: relative(p.root, file), Sig: p.scanned[file].Sig})
	}
}

// planID is the hash of everything in a plan that its users depend on.
func planID(plan *ipc.Plan) string {
	bare := *plan
	bare.ID, bare.Track, bare.Notices = "", ipc.Track{}, nil
	text, err := json.Marshal(&bare)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

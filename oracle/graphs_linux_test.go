package oracle

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// graphWorld is a world whose project is a graph, with what was made of it before.
type graphWorld struct {
	*world
	graph
	made     map[digest]bool // states of actions that ran in builds that were not disturbed
	branches map[string]graphBranch
	broken   string // a tool that does not compile
}

type graphBranch struct {
	files *snapshot
	graph graph
}

// TestGraphs makes ORACLE_STEPS steps with random graphs of the seeds ORACLE_SEED and after:
// tools that are built and run, steps of several outputs that read undeclared files, files
// beside objects. After each build all files of the build folder must be those that the
// plan's commands make from nothing, and what was made before must not be made again.
func TestGraphs(t *testing.T) {
	t.Parallel()
	eachSeed(t, 6, 6, perProject, 0, runGraph)
}

func runGraph(t *testing.T, seed uint64, steps int) {
	t.Helper()
	g := &graphWorld{world: newFolder(t, seed), made: map[digest]bool{}, branches: map[string]graphBranch{}}
	g.draw(g.world)
	g.save("p/tools/common.h", commonText(g.number()), true)
	g.save("p/tools/gen.sh", scriptText(g.number()), true)
	for _, file := range append(slices.Clone(data), "data/u0.txt", "data/u1.txt") {
		g.editData(file)
	}
	for _, dir := range []string{"p/data/dir", "ext"} {
		g.must(os.MkdirAll(g.abs(dir), 0o755))
	}
	g.write(g.world)
	g.daemon = g.chance(60)
	for i := range steps {
		if g.step = i; i > 0 {
			g.turn()
		}
		if wrong := g.buildAndCompare(); len(wrong) > 0 {
			g.report(wrong)
			return
		}
	}
	t.Logf("%s, %d parts: %d steps", g.compiler, len(g.parts), steps)
}

// graphTurns are what somebody does to such a project between two builds.
var graphTurns = []struct {
	weight int
	do     func(*graphWorld)
}{
	{8, func(g *graphWorld) { g.editData(pick(g.world, data)) }},
	{8, func(g *graphWorld) { g.editData(pick(g.world, []string{"data/u0.txt", "data/u1.txt"})) }},
	{4, (*graphWorld).toggleOptional},
	{4, (*graphWorld).changeFolder},
	{6, func(g *graphWorld) { g.editTool(true) }},
	{4, func(g *graphWorld) { g.editTool(false) }},
	{2, func(g *graphWorld) { g.save("p/tools/common.h", commonText(g.number()), g.chance(50)) }},
	{3, func(g *graphWorld) { g.save("p/tools/gen.sh", scriptText(g.number()), g.chance(50)) }},
	{6, (*graphWorld).revertFile},
	{6, (*graphWorld).deleteOutput},
	{4, (*graphWorld).otherBranch},
	{5, (*graphWorld).otherEnvironment},
	{3, (*graphWorld).otherFlags},
	{4, (*graphWorld).otherParts},
	{2, (*graphWorld).breakTool},
	{3, (*graphWorld).disturbSet},
}

func (g *graphWorld) turn() {
	if g.broken != "" && g.chance(60) {
		g.note("mend %s", g.broken)
		g.rewriteTool(g.broken)
		g.broken = ""
	}
	for range 1 + g.between(2) {
		graphTurns[drawn(g.between, len(graphTurns), func(i int) int { return graphTurns[i].weight })].do(g)
	}
}

func (g *graphWorld) editData(file string) {
	g.note("edit %s", file)
	text := fmt.Sprintf("number %d\n", g.number())
	if slices.Contains(data, file) {
		for _, line := range some(g.world, undeclared, 40) {
			text += line + "\n"
		}
	}
	g.save("p/"+file, text, g.chance(50))
}

func (g *graphWorld) toggleOptional() {
	file := "p/data/maybe.txt"
	g.note("make or remove %s", file)
	if os.Remove(g.abs(file)) != nil {
		g.save(file, fmt.Sprintf("%d\n", g.number()), true)
	}
}

func (g *graphWorld) changeFolder() {
	dir := pick(g.world, []string{"p/data/dir", "p/data/none"})
	g.note("change the folder %s", dir)
	if dir == "p/data/none" && g.isDir(dir) {
		g.must(os.RemoveAll(g.abs(dir)))
		return
	}
	if file := fmt.Sprintf("%s/f%d", dir, g.between(4)); os.Remove(g.abs(file)) != nil {
		g.save(file, "any\n", true)
	}
}

// editTool changes a tool, or adds a remark that leaves the program as it is.
func (g *graphWorld) editTool(salt bool) {
	tool := pick(g.world, g.tools())
	if tool == g.broken {
		return
	}
	g.note("edit %s (another number: %v)", tool, salt)
	if salt {
		g.rewriteTool(tool)
		return
	}
	file := "p/tools/" + tool + ".c"
	g.save(file, g.read(file)+fmt.Sprintf("// a remark of %d\n", g.number()), g.chance(50))
}

func (g *graphWorld) rewriteTool(tool string) {
	i := slices.IndexFunc(g.parts, func(p part) bool { return p.name == tool })
	if i >= 0 {
		g.save("p/tools/"+tool+".c", g.toolText(g.parts[i], g.number()), g.chance(50))
	}
}

func (g *graphWorld) revertFile() {
	files := slices.Concat(data, []string{"data/u0.txt", "data/u1.txt", "tools/common.h", "tools/gen.sh"})
	if file := "p/" + pick(g.world, files); len(g.old[file]) > 0 {
		g.note("revert %s", file)
		g.save(file, pick(g.world, g.old[file]), g.chance(50))
	}
}

func (g *graphWorld) deleteOutput() {
	var files []string
	for file := range filesBeneath(g.abs("p/build")) {
		files = append(files, file)
	}
	if len(files) == 0 {
		return
	}
	slices.Sort(files)
	if g.chance(25) {
		g.note("delete the build folder")
		g.must(os.RemoveAll(g.abs("p/build")))
		return
	}
	file := "p/build/" + pick(g.world, files)
	g.note("delete %s", file)
	g.must(os.Remove(g.abs(file)))
}

func (g *graphWorld) otherBranch() {
	name := pick(g.world, []string{"main", "topic"})
	if there, ok := g.branches[name]; ok && g.chance(70) {
		g.note("switch to branch %s", name)
		g.restore(there.files)
		g.graph, g.broken = there.graph, ""
		g.graph.parts = slices.Clone(g.parts)
		return
	}
	if g.broken == "" {
		g.note("branch %s", name)
		kept := g.graph
		kept.parts = slices.Clone(g.parts)
		g.branches[name] = graphBranch{g.snapshot(), kept}
	}
}

// otherEnvironment builds from another terminal, with other variables or without them.
func (g *graphWorld) otherEnvironment() {
	g.extra = nil
	for _, name := range some(g.world, variables, 50) {
		g.extra = append(g.extra, fmt.Sprintf("%s=%d", name, g.between(3)))
	}
	g.note("environment %q", g.extra)
}

func (g *graphWorld) otherFlags() {
	g.flags = pick(g.world, sideFlags)
	if g.chance(30) {
		g.compiler = pick(g.world, compilers(g.t))
	}
	g.note("%s %v", g.compiler, g.flags)
	g.write(g.world)
}

// otherParts adds a step or a tool, or removes the last step that nothing uses.
func (g *graphWorld) otherParts() {
	last := g.parts[len(g.parts)-1]
	switch {
	case !last.isTool() && g.chance(40):
		g.note("remove the step %s", last.name)
		g.parts = slices.Clone(g.parts[:len(g.parts)-1])
	case len(g.parts) < 12:
		g.note("add a step")
		g.addStep(g.world)
	}
	g.write(g.world)
}

func (g *graphWorld) breakTool() {
	if g.broken == "" {
		g.broken = pick(g.world, g.tools())
		g.note("break %s", g.broken)
		g.save("p/tools/"+g.broken+".c", "#error broken\n", true)
	}
}

func (g *graphWorld) disturbSet() {
	switch g.between(4) {
	case 0:
		g.daemon = !g.daemon
		g.note("use the set: %v", g.daemon)
	case 1:
		g.note("stop the set")
		g.stopSet()
	case 2:
		g.emptyCache()
		clear(g.made)
	default:
		if set := g.running(); len(set) > 0 {
			d := pick(g.world, set)
			g.note("kill -9 %s", d.Name)
			g.signal(d, syscall.SIGKILL)
		}
	}
}

// buildAndCompare builds, and compares with the commands run from nothing.
func (g *graphWorld) buildAndCompare() (wrong []string) {
	b := g.build(nil)
	if b.err != nil {
		return []string{fmt.Sprintf("the build ended with: %v (%q)", b.err, b.said)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	plan, err := g.project().Plan(ctx)
	if err != nil {
		return []string{fmt.Sprintf("there is no plan: %v", err)}
	}
	s := g.runFromNothing(plan)
	if b.result.Success != (len(s.failed) == 0) {
		return []string{fmt.Sprintf("success is %v; of the commands failed: %v; %s", b.result.Success, s.failed, b.summary())}
	}
	if b.result.Success {
		wrong = s.compare(g.world)
	}
	wrong = append(wrong, g.needless(b, s)...)
	if len(wrong) > 0 {
		wrong = append(wrong, "the build: "+b.summary())
	}
	return wrong
}

// needless complains of what ran although it ran before with all that it may read as it is.
func (g *graphWorld) needless(b *built, s *scratch) (wrong []string) {
	ran := b.ran()
	for i := range s.plan.Actions {
		id := s.plan.Actions[i].ID
		state, known := s.states[id]
		if !known {
			continue
		}
		if reason, did := ran[id]; did && g.made[state] {
			wrong = append(wrong, fmt.Sprintf("NEEDLESS: %s was made of the same before; the reason given: %s (%s)", id, reason.Text, reason.Code))
		}
		if _, did := ran[id]; did {
			g.made[state] = true
		}
	}
	return wrong
}

// ran are the actions whose command ran and succeeded, by ID, with the reason given.
func (b *built) ran() map[string]ipc.Reason {
	ran := map[string]ipc.Reason{}
	for id, u := range b.units {
		if u.Status == ipc.StatusCompiled {
			ran[id] = u.Reason
		}
	}
	for target, l := range b.linked {
		if l.Status == ipc.StatusCompiled {
			ran[ipc.LinkID(target)] = l.Reason
		}
	}
	for id, s := range b.steps {
		if s.Status == ipc.StatusCompiled {
			ran[id] = s.Reason
		}
	}
	return ran
}

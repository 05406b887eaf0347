package orchestrator

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// lastBuild is what one build knows of those before it. It is true only while discovery
// shows the token of the last record that was made here; otherwise [lastBuild.trust]
// drops it.
type lastBuild struct {
	path string // of the state file, "" = none
	root rootid.ID
	log  *slog.Logger

	plan     *ipc.Plan // nil after a start: only its id is known then
	graph    *actionGraph
	planID   string
	project  string              // name
	envHash  string              // of the variables that the plan depends on
	whole    bool                // these are all
	env      []string            // of the last build without files, for automatic ones
	asked    environment.Nodes   // variables that the nodes were made from
	caller   *ipc.Caller         // of the last build without files, for automatic ones
	targets  []string            // of the last build without files, for automatic ones
	token    string              // of the last record; "" = believe nothing
	recorded map[string]bool     // nodes whose record is of the plan as it is
	missing  []string            // after a start, until the plan is there: the nodes not recorded
	good     map[string]goodness // by scopeKey: what was brought up to date under this plan

	restored    bool   // planID and missing are of the state file, and nothing spoke against it
	commandsFor string // ID of the plan that compile_commands.json was written for
	buildDir    string // in which it was
}

// goodness is what a build with nothing to do has to say.
type goodness struct {
	Units int      `json:"units"`
	Files []string `json:"files"` // the first ten
}

// maxGood bounds how many scopes are remembered; `compile FILE` makes one each.
const maxGood = 32

// savedLastBuild is the state file.
type savedLastBuild struct {
	Schema  int                    `json:"schema"`
	Root    rootid.ID              `json:"root"`
	PlanID  string                 `json:"plan_id"`
	Project string                 `json:"project"`
	EnvHash string                 `json:"env_hash"`
	Whole   bool                   `json:"whole_environment,omitempty"`
	Env     []string               `json:"env"`
	Asked   []environment.SavedSet `json:"asked,omitempty"`
	Caller  *ipc.Caller            `json:"caller,omitempty"`
	Targets []string               `json:"targets,omitempty"`
	Token   string                 `json:"token"`
	Missing []string               `json:"missing,omitempty"`
	Good    map[string]goodness    `json:"good,omitempty"`

	CommandsFor string `json:"commands_for,omitempty"`
	BuildDir    string `json:"build_dir,omitempty"`
}

// openLastBuild reads the state file in dir. One that is missing, damaged, or of another
// schema or root is an empty one: the next build looks at everything.
func openLastBuild(dir string, root rootid.ID, log *slog.Logger) *lastBuild {
	m := &lastBuild{root: root, log: log, recorded: map[string]bool{}, good: map[string]goodness{}}
	if dir == "" {
		return m
	}
	m.path = filepath.Join(dir, "orchestrator.json")
	text, err := os.ReadFile(m.path)
	if err != nil {
		return m
	}
	var saved savedLastBuild
	if err := json.Unmarshal(text, &saved); err != nil || saved.Schema != ipc.Schema || saved.Root != root {
		log.Warn("forget the last build", "file", m.path, "error", err, "schema", saved.Schema, "root", saved.Root)
		return m
	}
	m.planID, m.project, m.token, m.restored = saved.PlanID, saved.Project, saved.Token, true
	m.commandsFor, m.buildDir = saved.CommandsFor, saved.BuildDir
	m.envHash, m.env, m.targets, m.missing = saved.EnvHash, saved.Env, saved.Targets, saved.Missing
	m.caller, m.whole, m.asked = saved.Caller, saved.Whole, environment.RestoreNodes(saved.Asked)
	if saved.Good != nil {
		m.good = saved.Good
	}
	return m
}

// save writes the state file. A failure is only logged: the next process looks at
// everything then.
func (m *lastBuild) save() {
	if m.path == "" {
		return
	}
	text, err := json.Marshal(savedLastBuild{
		Schema: ipc.Schema, Root: m.root, PlanID: m.planID, Project: m.project, EnvHash: m.envHash, Whole: m.whole, Env: m.keptEnv(), Asked: m.savedAsked(),
		Caller: m.caller, Targets: m.targets, Token: m.token, Missing: m.notRecorded(), Good: m.good,
		CommandsFor: m.commandsFor, BuildDir: m.buildDir,
	})
	if err == nil {
		err = atomicfile.Write(m.path, text)
	}
	if err != nil {
		m.log.Warn("remember the last build", "error", err)
	}
}

// keptEnv is the environment as the state file has it: none if a part of it is secret. Then
// automatic builds begin again after the next build that somebody asks for.
func (m *lastBuild) keptEnv() []string {
	kept, all := environment.WithoutSecrets(m.env)
	if !all {
		return nil
	}
	return kept
}

// savedAsked is what the nodes asked for. Without the plan it is what was restored.
func (m *lastBuild) savedAsked() []environment.SavedSet {
	if m.plan == nil {
		return m.asked.SaveAll()
	}
	return m.asked.Save(m.recorded)
}

// notRecorded lists the plan's nodes that discovery has no record of.
func (m *lastBuild) notRecorded() []string {
	if m.plan == nil {
		return m.missing
	}
	var missing []string
	for id := range nodesOf(m.plan) {
		if !m.recorded[id] {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return missing
}

// trust compares discovery's token with the last one seen here, and forgets what
// rests on it if they differ: discovery lost records, or got some from another.
func (m *lastBuild) trust(token string) bool {
	if m.isTrue(token) {
		return true
	}
	m.forget()
	return false
}

// isTrue is trust without forgetting.
func (m *lastBuild) isTrue(token string) bool { return m.token != "" && m.token == token }

// forget drops all that rests on discovery's records. The plan's ID goes too, so that no
// later process takes incomplete records for complete ones.
func (m *lastBuild) forget() {
	m.token, m.missing, m.plan, m.graph, m.planID, m.restored = "", nil, nil, nil, "", false
	m.asked = environment.Nodes{}
	clear(m.recorded)
	clear(m.good)
}

// adopt takes a plan from setup. Records of actions that are made in another way now no
// longer count. forget are the nodes that no longer exist.
func (m *lastBuild) adopt(g *actionGraph, env []string) (forget []string) {
	p := g.plan
	nodes := planNodes(p)
	switch {
	case m.plan != nil:
		for id := range m.recorded {
			if !nodes[id] {
				forget = append(forget, id)
			}
		}
		keepUnchanged(m.recorded, m.plan, p)
	case m.restored && m.planID == p.ID:
		maps.Copy(m.recorded, nodes)
		for _, id := range m.missing {
			delete(m.recorded, id)
		}
	default:
		clear(m.recorded)
	}
	if m.planID != p.ID {
		clear(m.good)
	}
	m.plan, m.graph, m.planID, m.project, m.missing = p, g, p.ID, p.Project, nil
	m.restored = false
	m.whole = p.WholeEnvironment
	m.madeFor(env)
	return forget
}

// madeFor notes that the plan is that of an environment.
func (m *lastBuild) madeFor(env []string) { m.envHash = environment.PlanDigest(env, m.whole) }

// planFits reports whether the plan is that of an environment.
func (m *lastBuild) planFits(env []string) bool {
	return m.envHash == environment.PlanDigest(env, m.whole)
}

// remember notes that everything a request covers is up to date.
func (m *lastBuild) remember(key string, g goodness) {
	if len(m.good) >= maxGood {
		clear(m.good)
	}
	m.good[key] = g
}

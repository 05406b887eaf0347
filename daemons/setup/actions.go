package setup

import (
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// addActions adds the actions and targets to a plan, each after those that it needs.
func (p *planner) addActions(plan *ipc.Plan) {
	b := actionBuilder{p: p, plan: plan, order: newBuildOrder(p), commands: map[string]int{}, groups: map[string]string{}}
	for _, n := range b.order.sorted() {
		if n.step != nil {
			b.addStep(n.step)
		} else {
			b.addTarget(n.target)
		}
	}
	for _, t := range p.targets {
		plan.Targets = append(plan.Targets, p.planTarget(t))
	}
}

// actionBuilder makes the actions of one plan.
type actionBuilder struct {
	p        *planner
	plan     *ipc.Plan
	order    *buildOrder
	commands map[string]int    // numbers of equal commands
	groups   map[string]string // IDs of phony actions by what they stand for
}

func (b *actionBuilder) addStep(s *step) {
	b.plan.Actions = append(b.plan.Actions, ipc.Action{
		ID: s.id(), Kind: ipc.ActionCommand, Args: s.command, Inputs: s.inputs, Outputs: s.outputs,
	})
}

// addTarget adds the compiles of a target and what makes its output.
func (b *actionBuilder) addTarget(t *target) {
	after := b.after(t)
	numbers, langs := map[string]int{}, map[string]bool{}
	var objects []string
	for _, source := range t.sources {
		lang := languageOf(source)
		langs[lang] = true
		n, ok := numbers[lang]
		if !ok {
			n = b.number(ipc.Command{Toolchain: t.chain, Lang: lang, Args: b.p.args(t, lang)})
			numbers[lang] = n
		}
		object := b.p.object(t, source)
		objects = append(objects, object)
		b.plan.Actions = append(b.plan.Actions, ipc.Action{
			ID: t.name + ":" + source, Kind: ipc.ActionCompile, Target: t.name, Command: n,
			Source: source, After: after, Outputs: []string{object},
		})
	}
	kind, command, inputs := b.p.link(t, langs)
	b.plan.Actions = append(b.plan.Actions, ipc.Action{
		ID: ipc.LinkID(t.name), Kind: kind, Target: t.name, Command: b.number(command),
		Inputs: append(objects, inputs...), Outputs: []string{b.p.output(t)},
	})
}

// after are the IDs of what the compiles of a target come after. Several steps are one
// phony action, so that thousands of compiles need not list them.
func (b *actionBuilder) after(t *target) []string {
	var ids []string
	for _, s := range b.order.before(t) {
		ids = append(ids, s.id())
	}
	if len(ids) <= 1 {
		return ids
	}
	key := strings.Join(ids, "\x00")
	id, known := b.groups[key]
	if !known {
		id = "generated:" + t.name
		b.groups[key] = id
		b.plan.Actions = append(b.plan.Actions, ipc.Action{ID: id, Kind: ipc.ActionPhony, After: ids})
	}
	return []string{id}
}

// number gives equal commands one number.
func (b *actionBuilder) number(c ipc.Command) int {
	key := string(rune('0'+c.Toolchain)) + c.Lang + "\x00" + strings.Join(c.Args, "\x00") + "\x00\x00" + strings.Join(c.Libs, "\x00")
	n, known := b.commands[key]
	if !known {
		n = len(b.plan.Commands)
		b.commands[key] = n
		b.plan.Commands = append(b.plan.Commands, c)
	}
	return n
}

package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) explainCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "explain FILE|TARGET",
		Short: "Say when and why a file was compiled or a target linked",
		Long: "Shows when and why a source file was compiled, a target linked or the files that include a\n" +
			"header compiled: what it cost and saved, what has changed since, what it depends on, by the\n" +
			"shortest chain of includes, and what depends on it.",
		Example:           "  replibuild explain src/main.cpp\n  replibuild explain include/app.h\n  replibuild explain hello    # a target",
		Args:              oneArgument("FILE or TARGET"),
		ValidArgsFunction: completion(a.completeSubjects),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.openBuilt()
			if err != nil {
				return err
			}
			reply, err := p.Explain(cmd.Context(), p.Subject(subjectOf(p.Root(), args[0])))
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.ExplainReply
				}{ipc.Schema, reply})
			}
			explanation{a, reply, p.BuildFolder(), p.SourceDir()}.print()
			return nil
		},
	})
}

// subjectOf is a file as the project spells it, or the name of a target.
func subjectOf(root, arg string) string {
	if _, err := os.Stat(arg); err != nil {
		return arg
	}
	if files, err := projectFiles(root, []string{arg}); err == nil {
		return files[0]
	}
	abs, err := filepath.Abs(arg)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return arg
	}
	return abs // a header of another project, or a source outside of the build folder
}

// explanation puts the facts about one subject into sentences.
type explanation struct {
	app *app
	ipc.ExplainReply
	buildFolder bool   // ninja decides what is up to date, so what has changed since is not known
	source      string // the folder of the sources, "" if they lie in the root
}

func (x explanation) say(format string, args ...any) {
	x.app.printf(format+"\n", args...)
}

func (x explanation) print() {
	x.say("%s (%s)", x.Subject, x.Kind)
	last := x.last()
	if last != nil {
		x.record(*last)
		if last.Saved > 0 {
			x.say("    saved %s", seconds(last.Saved))
		}
		x.change(last.Reason)
		x.way(*last)
	}
	if made := x.lastMade(); made != nil && made != last {
		x.record(*made)
		x.change(made.Reason)
		x.way(*made)
	}
	if last == nil && x.Kind != "header" {
		x.say("  %s", words.NotBuilt)
	}
	x.earlier()
	if !x.buildFolder {
		x.dirty()
	}
	x.inputs()
	x.dependents()
}

// last is the newest record, lastMade the newest for which something ran.
func (x explanation) last() *ipc.ExplainFact {
	if len(x.Records) == 0 {
		return nil
	}
	return &x.Records[0]
}

func (x explanation) lastMade() *ipc.ExplainFact {
	i := slices.IndexFunc(x.Records, func(f ipc.ExplainFact) bool { return f.Status == ipc.StatusCompiled || f.Status == ipc.StatusFailed })
	if i < 0 {
		return nil
	}
	return &x.Records[i]
}

func (x explanation) record(f ipc.ExplainFact) {
	who := ""
	if x.Kind == "header" || x.Kind == "unit" && x.severalTargets() {
		who = recordName(f.UnitRecord) + " "
		if x.Kind == "unit" {
			who = "for " + f.Target + " "
		}
	}
	x.say("  %s%s %s, %s, in %s: %s", who, verb(f.UnitRecord), f.Time.Local().Format(time.DateTime),
		words.Ago(time.Since(f.Time)), seconds(f.Seconds), f.Reason.Text)
}

func (x explanation) severalTargets() bool {
	return slices.ContainsFunc(x.Records, func(f ipc.ExplainFact) bool { return f.Target != x.Records[0].Target })
}

// verb says what was done to a unit, step or link.
func verb(u ipc.UnitRecord) string {
	kind, failed := words.Unit, "failed to compile"
	switch {
	case strings.HasPrefix(u.ID, "link:"):
		kind, failed = words.Link, "failed to link"
	case strings.HasPrefix(u.ID, "step:"):
		kind, failed = words.Step, "failed to run"
	}
	if u.Status == ipc.StatusFailed {
		return failed
	}
	return words.State(kind, u.Status, u.Reason.Code)
}

// change prints what something was and became, where the sentence does not say so.
func (x explanation) change(r ipc.Reason) {
	switch {
	case isDigest(r.Old) && isDigest(r.New):
		x.say("    content %s became %s", r.Old[:12], r.New[:12])
	case isDigest(r.Old):
		x.say("    content was %s", r.Old[:12])
	case r.Code != ipc.ReasonFlags && r.Old != "" && r.New != "" && !strings.Contains(r.Text, r.Old):
		x.say("    %s became %s", r.Old, r.New)
	}
	if r.Preamble != "" {
		x.say("    preamble: %s", r.Preamble)
	}
}

// isDigest tells the SHA-256 of a content from a flag or a version.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// way prints how the file that was the reason is reached.
func (x explanation) way(f ipc.ExplainFact) {
	for _, c := range x.Chains {
		if c.Unit == f.ID && c.Files[len(c.Files)-1] == f.Reason.Path && len(c.Files) > 2 {
			x.say("    %s", x.chain(c.Files))
			return
		}
	}
}

// maxEarlier and maxLines are how much of a long list people are shown; --json has
// all of it.
const (
	maxEarlier = 5
	maxLines   = 20
)

func (x explanation) earlier() {
	shown := 0
	for i := range x.Records {
		f := &x.Records[i]
		if f == x.last() || f == x.lastMade() || shown == maxEarlier {
			continue
		}
		if shown == 0 {
			x.say("  before that:")
		}
		shown++
		name := ""
		if x.Kind == "header" {
			name = recordName(f.UnitRecord) + " "
		}
		x.say("    %s  %s%s in %s: %s", f.Time.Local().Format(time.DateTime), name, verb(f.UnitRecord), seconds(f.Seconds), f.Reason.Text)
	}
}

func (x explanation) dirty() {
	for _, d := range x.Dirty {
		causes := make([]string, 0, len(d.Causes))
		for _, c := range d.Causes {
			causes = append(causes, words.Cause(c).Text)
		}
		name := ""
		if len(x.Dirty) > 1 || x.Kind != "unit" {
			name = words.Node(d.ID) + ": "
		}
		x.say("  to rebuild: %s%s", name, strings.Join(causes, ", "))
	}
	if len(x.Dirty) == 0 && len(x.Records) > 0 {
		x.say("  nothing has changed since")
	}
}

// inputs prints what the subject was made from: the project's files, each by its
// chain.
func (x explanation) inputs() {
	if len(x.Inputs) == 0 {
		return
	}
	var ours []string
	for _, file := range x.Inputs {
		if name, is := ownName(x.source, file); is {
			ours = append(ours, name)
		}
	}
	x.say("  depends on %s of the project and %d outside", words.Plural(len(ours), "file"), len(x.Inputs)-len(ours))
	lines := x.inputLines(ours)
	for _, l := range lines[:min(len(lines), maxLines)] {
		x.say("    %s", l)
	}
	x.more(len(lines))
}

func (x explanation) inputLines(ours []string) (lines []string) {
	if x.Kind == "target" {
		return ours
	}
	for _, c := range x.Chains {
		if _, ours := ownName(x.source, c.Files[len(c.Files)-1]); ours {
			lines = append(lines, x.chain(c.Files))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// dependents prints which units read the subject; for a header, with the chain of
// includes.
func (x explanation) dependents() {
	if len(x.Dependents) == 0 {
		return
	}
	if x.Kind != "header" {
		names := make([]string, len(x.Dependents))
		for i, id := range x.Dependents {
			names[i] = words.Node(id)
		}
		x.say("  needed by %s", strings.Join(names, ", "))
		return
	}
	x.say("  read by %s", readers(x.Dependents))
	ways := map[string]string{}
	for _, c := range x.Chains {
		ways[c.Unit] = x.chain(c.Files)
	}
	for _, id := range x.Dependents[:min(len(x.Dependents), maxLines)] {
		x.say("    %s", cmp.Or(ways[id], x.chain([]string{words.Node(id)})))
	}
	x.more(len(x.Dependents))
}

// readers counts what reads a file: "37 units, 1 target".
func readers(ids []string) string {
	var units, targets, steps, plans int
	for _, id := range ids {
		switch {
		case strings.HasPrefix(id, "link:"):
			targets++
		case strings.HasPrefix(id, "step:"):
			steps++
		case id == "plan":
			plans++
		default:
			units++
		}
	}
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{units, "unit"}, {targets, "target"}, {steps, "step"}} {
		if c.n > 0 {
			parts = append(parts, words.Plural(c.n, c.word))
		}
	}
	if plans > 0 {
		parts = append(parts, words.Node("plan"))
	}
	return strings.Join(parts, ", ")
}

// chain is files that include each other, as they are named beneath the sources.
func (x explanation) chain(files []string) string {
	names := make([]string, len(files))
	for i, file := range files {
		names[i], _ = ownName(x.source, file)
	}
	return strings.Join(names, " → ")
}

func (x explanation) more(n int) {
	if n > maxLines {
		x.say("    … and %d more; --json names all", n-maxLines)
	}
}

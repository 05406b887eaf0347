package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "doctor",
		Short:   "Look for what could keep builds from working, and say what to do",
		Example: "  replibuild doctor",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	})
}

// Levels of a finding. A warning costs speed or comfort, a problem costs builds.
const (
	levelOK      = "ok"
	levelWarning = "warning"
	levelProblem = "problem"
)

// finding is one line of the doctor's report.
type finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

// doctor prints all findings and exits with 3 if one is a problem.
func (a *app) doctor(ctx context.Context) error {
	findings := a.examine(ctx)
	problems := 0
	for _, f := range findings {
		if f.Level == levelProblem {
			problems++
		}
	}
	if a.json {
		if err := a.printJSON(struct {
			Schema   int       `json:"schema"`
			Problems int       `json:"problems"`
			Findings []finding `json:"findings"`
		}{ipc.Schema, problems, findings}); err != nil {
			return err
		}
	} else {
		a.printFindings(findings)
	}
	if problems > 0 {
		return exitStatus(exitDaemon)
	}
	return nil
}

func (a *app) printFindings(findings []finding) {
	marks := map[string]string{levelOK: "✅", levelWarning: "⚠️", levelProblem: "❌"}
	for _, f := range findings {
		a.printf("%s %s: %s\n", marks[f.Level], f.Check, f.Text)
		if f.Hint != "" {
			a.printf("   %s\n", f.Hint)
		}
	}
}

// examine runs the checks: those of the machine, then those of the project if
// there is one.
func (a *app) examine(ctx context.Context) []finding {
	all := []finding{checkPlatform(), a.checkHome()}
	p, b, err := a.place()
	if p == nil && b == nil {
		return append(all, finding{"project", levelProblem, err.Error(), hintOf(err)})
	}
	switch {
	case err != nil:
		b = nil // the configuration has a mistake, which is found below
	case b != nil:
		if p, err = b.Open(); err != nil {
			return append(all, finding{"project", levelProblem, err.Error(), hintOf(err)})
		}
	}
	if notice := p.HomeNotice(); notice != "" {
		all = append(all, finding{"folder", levelWarning, notice, "set HOME, or REPLIBUILD_HOME to a folder of your own"})
	}
	configuration, folder := checkProject(ctx, p, b)
	all = append(all, configuration...)
	all = append(all, checkDaemons(p.Status(ctx))...)
	all = append(all, checkPorts(p, p.Status(ctx))...)
	all = append(all, checkCache(ctx, p), checkFolder("build folder", folder))
	return append(all, checkSharing(ctx, p)...)
}

// checkProject checks a project's configuration, and returns the build folder. b is nil if
// the project has targets of its own, or if [build] has a mistake.
func checkProject(ctx context.Context, p *replibuild.Project, b *replibuild.BuildSystem) ([]finding, string) {
	if b != nil {
		return []finding{{"configuration", levelOK, b.System + " builds the project in " + b.BuildDir, ""}}, b.BuildDir
	}
	return checkConfiguration(ctx, p), filepath.Join(p.Root(), "build")
}

func checkPlatform() finding {
	if runtime.GOOS == "linux" {
		return finding{"platform", levelOK, "linux/" + runtime.GOARCH + ": everything works here", ""}
	}
	return finding{
		"platform", levelWarning,
		runtime.GOOS + ": the daemons and the spec's plain requests need Linux; builds run in one process",
		"`replibuild compile --no-daemon` works",
	}
}

// checkHome looks whether RepliBuild's own folder is there and private.
func (a *app) checkHome() finding {
	home, err := replibuild.DirOf(a.Env)
	if err != nil {
		return finding{"folder", levelProblem, err.Error(), "set REPLIBUILD_HOME to a folder of yours"}
	}
	info, err := os.Stat(home)
	switch {
	case os.IsNotExist(err):
		return finding{"folder", levelOK, home + " will be made by the first build", ""}
	case err != nil:
		return finding{"folder", levelProblem, err.Error(), "make it readable, or set REPLIBUILD_HOME"}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return finding{"folder", levelProblem, fmt.Sprintf("%s can be read by others (%v)", home, info.Mode().Perm()), "chmod 700 " + home}
	}
	return checkFolder("folder", home)
}

// checkFolder looks whether files can be made in a folder.
func checkFolder(check, dir string) finding {
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return finding{check, levelOK, dir + " will be made by the first build", ""}
	}
	f, err := os.CreateTemp(dir, ".replibuild-doctor-")
	if err != nil {
		return finding{check, levelProblem, fmt.Sprintf("cannot write to %s: %v", dir, err), "free disk space, or change its permissions"}
	}
	f.Close()
	os.Remove(f.Name())
	return finding{check, levelOK, dir + " can be written", ""}
}

func checkConfiguration(ctx context.Context, p *replibuild.Project) []finding {
	plan, err := p.Plan(ctx)
	if err != nil {
		return []finding{{"configuration", levelProblem, err.Error(), hintOf(err)}}
	}
	all := []finding{{"configuration", levelOK, fmt.Sprintf("%s, %s", words.Plural(len(plan.Targets), "target"), words.Plural(plan.CountUnits(), "unit")), ""}}
	for _, t := range plan.Toolchains {
		all = append(all, finding{"compiler", levelOK, fmt.Sprintf("%s (%s), linker: %s", t.CXX, t.Version, orDefault(t.Linker)), ""})
		all = append(all, checkInputs(ctx, p, plan, t.CXX))
	}
	if runtime.GOOS == "linux" {
		all = append(all, checkObserver(ctx, p, plan))
	}
	all = append(all, checkDoubts(ctx, p)...)
	all = append(all, checkPlanSharing(p, plan)...)
	for _, n := range plan.Notices {
		all = append(all, finding{"configuration", levelWarning, n, ""})
	}
	return all
}

// checkInputs says how it is known what a compiler reads.
func checkInputs(ctx context.Context, p *replibuild.Project, plan *ipc.Plan, compiler string) finding {
	if err := p.Untraceable(ctx, compiler, plan.Env); err != nil {
		return finding{
			"inputs", levelWarning,
			fmt.Sprintf("%s cannot be traced, so its inputs come from its dependency files and computed search paths: %v", compiler, err),
			"only a trace shows files of .incbin, and names that macros make for __has_include",
		}
	}
	return finding{"inputs", levelOK, fmt.Sprintf("every file that %s opens, lists or searches for is traced", compiler), ""}
}

// checkObserver tries the second observer, for programs into which the tracer cannot be
// loaded.
func checkObserver(ctx context.Context, p *replibuild.Project, plan *ipc.Plan) finding {
	if err := p.ObserverRefused(ctx, plan.Env); err != nil {
		return finding{
			"inputs", levelWarning,
			fmt.Sprintf("static programs, and programs in Go, cannot be traced here, so what they make is not stored: %v", err),
			"allow ptrace: a container needs a seccomp profile that has it (or --cap-add=SYS_PTRACE), and kernel.yama.ptrace_scope must be 0 or 1",
		}
	}
	return finding{"inputs", levelOK, "static programs, and programs in Go, are traced by ptrace", ""}
}

// checkDoubts says which units every build compiles, once for each reason.
func checkDoubts(ctx context.Context, p *replibuild.Project) (all []finding) {
	doubts, err := p.Doubts(ctx)
	if err != nil {
		return []finding{{"inputs", levelWarning, fmt.Sprintf("cannot ask which units every build compiles: %v", err), ""}}
	}
	units := map[string][]string{}
	for _, d := range doubts {
		units[d.Why] = append(units[d.Why], d.ID)
	}
	for _, why := range slices.Sorted(maps.Keys(units)) {
		first := units[why][0]
		if n := len(units[why]); n > 1 {
			first = fmt.Sprintf("%s and %d more", first, n-1)
		}
		all = append(all, finding{
			"inputs", levelWarning, fmt.Sprintf("%s: compiled by every build, because %s", first, why),
			"a compiler, or a wrapper that keeps nothing from one run to the next, can be traced completely",
		})
	}
	return all
}

func checkDaemons(set ipc.SetStatus) []finding {
	var all []finding
	for _, d := range set.Daemons {
		f := finding{"daemon", levelOK, d.Name + " " + statePlain(d), ""}
		switch d.State {
		case ipc.StateRunning:
			if d.LastError != "" {
				f.Level, f.Hint = levelWarning, fmt.Sprintf("`replibuild restart %s`", d.Name)
			}
		case ipc.StateCrashed:
			f.Level, f.Hint = levelProblem, fmt.Sprintf("`replibuild logs %s` says why, `replibuild ensure` restarts it", d.Name)
		case ipc.StateUnresponsive:
			f.Level, f.Hint = levelProblem, fmt.Sprintf("`replibuild restart %s`", d.Name)
		case ipc.StateElsewhere:
			f.Level, f.Hint = levelWarning, "commands build without daemons here; `replibuild stop` where it was started ends it"
		}
		if d.LastError != "" {
			f.Text += ": " + d.LastError
		}
		all = append(all, f)
	}
	return all
}

// checkPorts says who holds the ports that the set would use but does not.
func checkPorts(p *replibuild.Project, set ipc.SetStatus) []finding {
	var all []finding
	var taken []string
	for i, d := range set.Daemons {
		explicit := p.Config().Port(d.Name)
		port := explicit
		if port == 0 {
			port = config.BasePort + i
		}
		if d.Port == port || d.State == ipc.StateDisabled || portFree(port) {
			continue
		}
		if explicit == 0 {
			taken = append(taken, fmt.Sprint(port))
			continue
		}
		all = append(all, finding{
			"ports", levelProblem,
			fmt.Sprintf("port %d of %s is in use by %s", port, d.Name, daemons.PortOwner(port)),
			fmt.Sprintf("end that program, or change [daemons.%s] port in .replibuild/daemon_config.toml", d.Name),
		})
	}
	switch {
	case len(all) > 0:
		return all
	case len(taken) > 0:
		return []finding{{"ports", levelOK, strings.Join(taken, ", ") + " are in use by other programs, so the daemons use other ports", ""}}
	}
	return []finding{{"ports", levelOK, "free, or ours", ""}}
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func checkCache(ctx context.Context, p *replibuild.Project) finding {
	s, err := p.CacheStats(ctx)
	switch {
	case err != nil:
		return finding{"cache", levelProblem, err.Error(), "`replibuild cache clear` empties it"}
	case s.ReadOnly != "":
		return finding{"cache", levelWarning, "nothing is stored: " + s.ReadOnly, "builds work, without the cache; free disk space or mend " + s.Dir}
	case s.Damaged > 0:
		return finding{"cache", levelWarning, fmt.Sprintf("%s were found damaged and dropped", words.Plural(int(s.Damaged), "entry")), "`replibuild cache verify` checks all; a failing disk is the usual cause"}
	}
	return finding{"cache", levelOK, strings.TrimSpace(fmt.Sprintf("%s of %s in %s", megabytes(s.Bytes), megabytes(s.MaxBytes), s.Dir)), ""}
}

// hintOf returns an error's next step.
func hintOf(err error) string {
	if e, ok := err.(*ipc.Error); ok {
		return e.Hint
	}
	return ""
}

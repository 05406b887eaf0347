package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// line is one line of the report.
type line struct {
	row       row
	project   string
	samples   samples
	against   string        // the tool (or ownNothing) that the ratio is to; "" = none
	perFile   bool          // the ratio is the median over aligned samples, with the worst beside it
	goal      float64       // largest ratio; 0 = none owed
	worstGoal float64       // the same for the worst file
	absolute  time.Duration // longest median; 0 = none owed
	note      string
	judged    bool // there is a goal that is no ratio; note names it
	failed    bool // and it is missed
}

// report is everything that is written.
type report struct {
	versions []string
	cores    int
	options  options
	lines    []line
}

func (r report) write(out io.Writer) {
	fmt.Fprintf(out, "# How fast\n\nMeasured by `go run ./bench` on %s, %d cores, %d samples of each tool in turn: median (smallest–largest).\n",
		time.Now().UTC().Format(time.DateOnly), r.cores, r.options.runs)
	fmt.Fprint(out, "The ratio is RepliBuild's median to that of the tool named; where sources are edited it is the median over the files, and the worst file's. ❌ marks a goal that is missed.\n\n")
	for _, v := range r.versions {
		fmt.Fprintf(out, "- %s\n", v)
	}
	columns := allTools()
	fmt.Fprintf(out, "\n| work | project | %s | ratio | goal | met | |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+6))
	for _, l := range r.lines {
		cells := []string{l.row.title, l.project}
		for _, c := range columns {
			cells = append(cells, l.samples.cell(c))
		}
		ratio, goal, met := l.verdict()
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", strings.Join(cells, " | "), ratio, goal, met, l.note)
	}
}

// verdict formats the ratio, the goal and whether it is met.
func (l line) verdict() (ratio, goal, met string) {
	ok, owed := !l.failed, l.judged || l.goal > 0 || l.absolute > 0
	if ours, theirs := l.samples[toolDaemons], l.samples[l.against]; len(ours) > 0 && len(theirs) > 0 {
		mid, worst := float64(median(ours))/float64(median(theirs)), 0.0
		if l.perFile {
			mid, worst = ratios(ours, theirs)
		}
		ratio = fmt.Sprintf("%.2f to %s", mid, l.against)
		if l.perFile {
			ratio += fmt.Sprintf(", worst %.2f", worst)
		}
		ok = ok && (l.goal == 0 || mid <= l.goal) && (l.worstGoal == 0 || worst <= l.worstGoal)
	}
	switch {
	case l.worstGoal > 0:
		goal = fmt.Sprintf("≤ %.2f, worst ≤ %.2f", l.goal, l.worstGoal)
	case l.goal > 0:
		goal = fmt.Sprintf("≤ %.2f", l.goal)
	case l.absolute > 0:
		goal = "≤ " + l.absolute.String()
		ok = ok && median(l.samples[toolDaemons]) <= l.absolute
	}
	switch {
	case !owed:
		met = ""
	case ok:
		met = "✅"
	default:
		met = "❌"
	}
	return ratio, goal, met
}

// ratios compares aligned samples: the median of their ratios and the largest.
func ratios(ours, theirs []time.Duration) (mid, worst float64) {
	var all []float64
	for i := range min(len(ours), len(theirs)) {
		all = append(all, float64(ours[i])/float64(theirs[i]))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

func (s samples) cell(tool string) string {
	d := s[tool]
	if len(d) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s–%s)", short(median(d)), short(slices.Min(d)), short(slices.Max(d)))
}

// short formats a time with three digits at most.
func short(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// versions says what was measured, and with what.
func (b *bench) versions(ctx context.Context) []string {
	all := []string{"system: " + runtime.GOOS + "/" + runtime.GOARCH + firstLine(ctx, ", kernel ", "uname", "-r") + cpuModel(), firstLine(ctx, "", b.replibuild, "version")}
	for _, program := range []string{"clang++-19", "g++", "ld.lld-19", "mold", "cmake", "ninja", "ccache", "make"} {
		if v := firstLine(ctx, program+": ", program, "--version"); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// firstLine is prefix and the first line that a program prints, "" if it cannot run.
func firstLine(ctx context.Context, prefix, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return prefix + text
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(text)) {
		if model, ok := strings.CutPrefix(l, "model name"); ok {
			return ", " + strings.TrimLeft(strings.TrimSpace(model), ": \t")
		}
	}
	return ""
}

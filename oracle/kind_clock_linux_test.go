package oracle

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// stampHeader is included first by flags.
const stampHeader = "p/stamp/stamp.h"

// stampWays are how the time of its compile gets into an object, as the text of the
// header that is included first; "" = by a flag.
var stampWays = map[string]string{
	"defines":   "",
	"flags":     "",
	"header":    "#define STAMP __TIME__\n",
	"date":      "#define STAMP __DATE__ \" \" __TIME__\n",
	"pasted":    "#define PASTE(a, b) a##b\n#define STAMP PASTE(__TI, ME__)\n",
	"spliced":   "#define STAMP __TI\\\nME__\n",
	"gch":       "#define STAMP __TIME__\n",
	"timestamp": "#define FILESTAMP __TIMESTAMP__\n",
}

func stampDefines(way string) []string {
	if way == "defines" {
		return []string{"STAMP=__TIME__"}
	}
	return nil
}

func stampFlags(way string) []string {
	switch {
	case way == "":
		return nil
	case way == "flags":
		return []string{"-DSTAMP=__DATE__ __TIME__"}
	case stampWays[way] != "":
		return []string{"-include", "stamp/stamp.h"}
	}
	return nil
}

// clockKind has objects hold the time of their compile. Two compiles never agree in
// it, so it is compared by a rule: what had to be made by a build is not older than
// its start.
func clockKind() kind {
	k := kind{name: "clock", source: func(_ *world, function, ending string) string {
		return "#ifdef STAMP\nconst char " + function + "_stamp[] = \"STAMP<\" STAMP \">\";\n#endif\n" +
			"#ifdef FILESTAMP\nconst char " + function + "_filestamp[] = FILESTAMP;\n#endif\n"
	}}
	for way := range stampWays {
		k.turns = append(k.turns, turn{1, way, func(w *world) []string { return w.stampTurn(way) }})
	}
	slices.SortFunc(k.turns, func(a, b turn) int { return strings.Compare(a.name, b.name) })
	return k
}

// stampTurn builds with the time in the objects, and again from the cache when the
// clock shows another second.
func (w *world) stampTurn(way string) []string {
	if way == "gch" {
		w.settings.compiler = "g++"
		if !slices.Contains(compilers(w.t), "g++") {
			return w.buildAndJudge()
		}
	}
	w.note("the time by %s", way)
	w.settings.stamp, w.doubtful = way, true // none of these is kept
	w.extra = nil                            // times are compared in UTC
	w.must(os.RemoveAll(w.abs("p/stamp")))
	w.save(stampHeader, stampWays[way], true)
	w.saveSettings()
	if way == "gch" {
		w.precompileStamp()
	}
	if wrong := w.buildAndJudge(); len(wrong) > 0 {
		return wrong
	}
	if way == "timestamp" {
		return w.timestampTurn()
	}
	for range 1 + w.between(2) {
		w.nextSecond()
		switch w.between(4) {
		case 0:
			w.editSources()
			if wrong := w.buildAndJudge(); len(wrong) > 0 {
				return wrong
			}
			w.nextSecond()
			fallthrough
		case 1:
			w.spoil()
		case 2:
			w.note("use the set: %v", !w.daemon)
			w.daemon = !w.daemon
			fallthrough
		default:
			w.fromNothing()
		}
		if wrong := w.buildAndJudge(); len(wrong) > 0 {
			return wrong
		}
	}
	return nil
}

// timestampTurn changes the time zone, and the times of sources.
func (w *world) timestampTurn() []string {
	w.extra = []string{"TZ=" + pick(w, []string{"UTC", "Asia/Tokyo", "America/Lima"})}
	w.note("environment %q", w.extra)
	if w.chance(40) {
		w.touch()
	}
	return w.buildAndJudge()
}

// precompileStamp makes the header's precompiled form with the flags of the project.
func (w *world) precompileStamp() {
	plan, err := w.project().Plan(w.t.Context())
	if err != nil {
		return // the build says why
	}
	i := slices.IndexFunc(plan.Actions, func(a ipc.Action) bool { return strings.HasSuffix(a.Source, ".cpp") })
	if i < 0 {
		return
	}
	u := &plan.Actions[i]
	var line []string
	for _, arg := range plan.Line(u) {
		if arg == "-include" || arg == "stamp/stamp.h" || arg == "-c" || arg == u.Source || arg == "-o" || arg == u.Output() {
			continue
		}
		line = append(line, arg)
	}
	w.note("precompile %s", stampHeader)
	cmd := exec.Command(line[0], append(line[1:], "-x", "c++-header", "stamp/stamp.h", "-o", "stamp/stamp.h.gch")...)
	cmd.Dir, cmd.Env = plan.Root, w.environ()
	if text, err := cmd.CombinedOutput(); err != nil {
		w.note("  %v: %s", err, text)
	}
}

// nextSecond waits until the clock shows another second.
func (w *world) nextSecond() {
	for now := time.Now().Unix(); time.Now().Unix() == now; {
		time.Sleep(time.Millisecond)
	}
}

var stampText = regexp.MustCompile(`STAMP<[^>]*>`)

// withoutStamp is an object with all times of compiles made equal.
func (w *world) withoutStamp(object []byte) []byte {
	if w.settings.stamp == "" || object == nil {
		return object
	}
	return stampText.ReplaceAllFunc(object, func(m []byte) []byte { return bytes.Repeat([]byte("#"), len(m)) })
}

// checkStamp compares the time in an object that the last build had to make.
func (j *judgement) checkStamp(u *ipc.Action, want []byte) {
	if j.settings.stamp == "" || !stampText.Match(want) {
		return
	}
	file := inRoot(j.plan.Root, u.Output())
	is, err := os.ReadFile(file)
	if err != nil {
		return // checkFile has said so
	}
	before, there := j.inPlace[file]
	if there && bytes.Equal(j.withoutStamp(before), j.withoutStamp(want)) {
		return // it could stay
	}
	for _, m := range stampText.FindAll(is, -1) {
		if tooOld(string(m), j.starts) {
			j.complain("%s: WRONG, it has the time %s, but had to be made by a build that began at %s", u.ID, m, j.starts.UTC().Format(time.TimeOnly))
		}
	}
}

var timeOfDay = regexp.MustCompile(`\d\d:\d\d:\d\d`)

// tooOld says whether a time of day lies before a start; both are in UTC, and midnight
// may lie between them.
func tooOld(stamp string, start time.Time) bool {
	at, err := time.Parse(time.TimeOnly, timeOfDay.FindString(stamp))
	if err != nil {
		return true
	}
	start = start.UTC()
	began := start.Hour()*3600 + start.Minute()*60 + start.Second()
	made := at.Hour()*3600 + at.Minute()*60 + at.Second()
	return (made-began+24*3600)%(24*3600) > 12*3600
}

// sourceTime is what __TIMESTAMP__ shows of a source, where that is used.
func (w *world) sourceTime(file string) string {
	if w.settings.stamp != "timestamp" {
		return ""
	}
	info, err := os.Stat(file)
	w.must(err)
	return fmt.Sprint(info.ModTime().Unix())
}

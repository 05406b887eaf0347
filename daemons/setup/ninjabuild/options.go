package ninjabuild

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/internal/editdistance"
)

// Version is the version of ninja whose behaviour this is. CMake and LLVM ask for it.
const Version = "1.13.0"

// options are the flags of one run.
type options struct {
	file      string
	dir       string
	jobs      int
	jobsGiven bool
	keepGoing int // how many commands may fail
	maxLoad   float64
	dryRun    bool
	verbosity verbosity

	explain, stats       bool
	keepDepfile, keepRsp bool
	phonyCycleFail       bool
	statusFormat         string
	statusFormatGiven    bool

	tool *tool
	args []string // targets, or the tool's arguments

	warn func(text string)
	fail func(error)
}

// exitNow ends the program with a code after everything was printed.
type exitNow int

func (e exitNow) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

var mainFlags = flagSpec{
	letters: "d:f:j:k:l:nt:vw:C:h",
	long: []longFlag{
		{"help", 'h', false}, {"version", 'V', false}, {"verbose", 'v', false}, {"quiet", 'q', false}, {"status", 's', true},
	},
}

// parse reads the command line.
func (m *program) parse(args []string) error {
	o := &m.opts
	o.file, o.jobs, o.keepGoing = "build.ninja", guessJobs(), 1
	flags := flagSet{flagSpec: mainFlags, args: args}
	for o.tool == nil {
		letter, value, done, err := flags.next()
		if err != nil {
			m.errorf("%s: %s\n", m.name, err)
			return m.usage()
		}
		if done {
			o.args = flags.rest
			return nil
		}
		if err := m.option(letter, value); err != nil {
			return err
		}
	}
	o.args = flags.args
	return nil
}

// option handles one flag.
func (m *program) option(letter rune, value string) (err error) {
	o := &m.opts
	switch letter {
	case 'f':
		o.file = value
	case 'C':
		o.dir = value
	case 'n':
		o.dryRun = true
	case 'v':
		o.verbosity = complete
	case 'q':
		o.verbosity = quiet
	case 's':
		o.statusFormat, o.statusFormatGiven = value, true
	case 'j', 'k', 'l':
		return o.number(letter, value)
	case 'd':
		return m.debug(value)
	case 'w':
		return m.warning(value)
	case 't':
		o.tool, err = m.findTool(value)
		return err
	case 'V':
		m.printf("%s\n", Version)
		return exitNow(exitSuccess)
	case 'h':
		return m.usage()
	}
	return nil
}

// number handles -j, -k and -l.
func (o *options) number(letter rune, value string) error {
	if letter == 'l' {
		load, ok := leadingFloat(value)
		if !ok {
			return ninja.FatalError("-l parameter not numeric: did you mean -l 0.0?")
		}
		o.maxLoad = load
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimLeft(value, " \t"), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err, n = nil, 0 // more than anybody has: no limit
	}
	if value == "" {
		err, n = nil, 0
	}
	unlimited := n <= 0 || n > math.MaxInt32
	if letter == 'k' {
		if err != nil {
			return ninja.FatalError("-k parameter not numeric; did you mean -k 0?")
		}
		o.keepGoing = int(n)
		if unlimited {
			o.keepGoing = math.MaxInt32
		}
		return nil
	}
	if err != nil || n < 0 {
		return ninja.FatalError("invalid -j parameter")
	}
	o.jobs, o.jobsGiven = int(n), true
	if unlimited {
		o.jobs = math.MaxInt32
	}
	return nil
}

// leadingFloat reads the number that a text begins with.
func leadingFloat(s string) (f float64, ok bool) {
	for end := len(s); end > 0; end-- {
		if f, err := strconv.ParseFloat(s[:end], 64); err == nil {
			return f, true
		}
	}
	return 0, false
}

// guessJobs is how many commands run without -j.
func guessJobs() int {
	switch n := min(runtime.NumCPU(), runtime.GOMAXPROCS(0)); n {
	case 1:
		return 2
	case 2:
		return 3
	default:
		return n + 2
	}
}

const debugModes = `debugging modes:
  stats        print operation counts/timing info
  explain      explain what caused a command to execute
  keepdepfile  don't delete depfiles after they're read by ninja
  keeprsp      don't delete @response files on success
multiple modes can be enabled via -d FOO -d BAR
`

func (m *program) debug(mode string) error {
	o := &m.opts
	switch mode {
	case "list":
		m.printf("%s", debugModes)
		return exitNow(exitFailure)
	case "stats":
		o.stats = true
		m.metrics = &metrics{}
	case "explain":
		o.explain = true
	case "keepdepfile":
		o.keepDepfile = true
	case "keeprsp":
		o.keepRsp = true
	case "nostatcache": // only Windows has such a cache
	default:
		o.fail(errors.New("unknown debug setting '" + mode + "'" + didYouMean(mode, "stats", "explain", "keepdepfile", "keeprsp", "nostatcache")))
		return exitNow(exitFailure)
	}
	return nil
}

const warningFlags = `warning flags:
  phonycycle={err,warn}  phony build statement references itself
`

func (m *program) warning(flag string) error {
	o := &m.opts
	switch flag {
	case "list":
		m.printf("%s", warningFlags)
		return exitNow(exitFailure)
	case "phonycycle=err":
		o.phonyCycleFail = true
	case "phonycycle=warn":
		o.phonyCycleFail = false
	case "dupbuild=err", "dupbuild=warn":
		o.warn("deprecated warning 'dupbuild'")
	case "depfilemulti=err", "depfilemulti=warn":
		o.warn("deprecated warning 'depfilemulti'")
	default:
		o.fail(errors.New("unknown warning flag '" + flag + "'" + didYouMean(flag, "phonycycle=err", "phonycycle=warn")))
		return exitNow(exitFailure)
	}
	return nil
}

// didYouMean suggests the word that is nearest to what was written.
func didYouMean(word string, known ...string) string {
	if best := nearest(word, known); best != "" {
		return ", did you mean '" + best + "'?"
	}
	return ""
}

// maxDistance is how many letters a suggestion may differ by.
const maxDistance = 3

// nearest is the known word with the fewest letters to change, or "".
func nearest(word string, known []string) string {
	best, least := "", maxDistance+1
	for _, k := range known {
		if max(len(word), len(k))-min(len(word), len(k)) >= least {
			continue // so many letters at the least; a manifest may have many thousand names
		}
		if d := editdistance.Levenshtein(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func (m *program) usage() error {
	m.errorf(`usage: ninja [options] [targets...]

if targets are unspecified, builds the 'default' target (see manual).

options:
  --version      print ninja version ("%s")
  -v, --verbose  show all command lines while building
  --quiet        don't show progress status, just command output
  --status FMT   progress status format using Ninja-style $vars
                 (e.g. --status '[$finished/$total] ')

  -C DIR   change to DIR before doing anything else
  -f FILE  specify input build file [default=build.ninja]

  -j N     run N jobs in parallel (0 means infinity) [default=%d on this system]
  -k N     keep going until N jobs fail (0 means infinity) [default=1]
  -l N     do not start new jobs if the load average is greater than N
  -n       dry run (don't run commands but act like they succeeded)

  -d MODE  enable debugging (use '-d list' to list modes)
  -t TOOL  run a subtool (use '-t list' to list subtools)
    terminates toplevel options; further flags are passed to the tool
  -w FLAG  adjust warnings (use '-w list' to list warnings)
`, Version, guessJobs())
	return exitNow(exitFailure)
}

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands lists every command that `help` shows.
func commands(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			all = append(all, c)
			all = append(all, commands(c)...)
		}
	}
	return all
}

// Every command has a sentence, and examples that name a command, flags and arguments
// that there are.
func TestExamples(t *testing.T) {
	t.Parallel()
	root := Tree("test")
	for _, c := range commands(root) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no sentence", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " | ")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "replibuild" {
				t.Errorf("%s: %q is no command line", c.CommandPath(), line)
				continue
			}
			fresh := Tree("test") // flags keep what an earlier line set
			found, rest, err := fresh.Find(words[1:])
			if err != nil || !strings.HasPrefix(found.CommandPath(), c.CommandPath()) {
				t.Errorf("%q is an example of %s, not of %s (%v)", line, found.CommandPath(), c.CommandPath(), err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
				continue
			}
			if err := errors.Join(found.ValidateArgs(found.Flags().Args()), checkNumbers(found, nil)); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
}

// call runs one command line and returns its exit code and what it printed.
func call(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(Caller{Args: args, Env: []string{"REPLIBUILD_HOME=/nowhere"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Version: "test"})
	return code, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, message, hint string }{
		{"compil", `replibuild has no command "compil"`, "did you mean `replibuild compile`?"},
		{"stauts", `replibuild has no command "stauts"`, "did you mean `replibuild status`?"},
		{"xyzzy", `replibuild has no command "xyzzy"`, "`replibuild --help` lists the commands"},
		{"help bogus", `replibuild has no command "bogus"`, "`replibuild --help` lists the commands"},
		{"help cache stat", `replibuild cache has no command "stat"`, "did you mean `replibuild cache stats`?"},
		{"cache stat", `replibuild cache has no command "stat"`, "did you mean `replibuild cache stats`?"},
		{"config sho", `replibuild config has no command "sho"`, "did you mean `replibuild config show`?"},
		{"compile -j abc", `-j wants a number, not "abc"`, "`replibuild compile --help` lists its flags"},
		{"compile -j -3", "-j wants a number that is not negative, not -3", "`replibuild compile --help` lists its flags"},
		{"compile -j", "-j needs a value", "`replibuild compile --help` lists its flags"},
		{"compile --bogus", "replibuild compile has no flag --bogus", "`replibuild compile --help` lists its flags"},
		{"compile --no-deamon", "replibuild compile has no flag --no-deamon", "did you mean --no-daemon?"},
		{"history -n=-1", "-n wants a number that is not negative, not -1", "`replibuild history --help` lists its flags"},
		{"logs -n many", `-n wants a number, not "many"`, "`replibuild logs --help` lists its flags"},
		{"cache verify --sample=-5", "--sample wants a number that is not negative, not -5", "`replibuild cache verify --help` lists its flags"},
		{"tui --speed=fast", `--speed wants a number, not "fast"`, "`replibuild tui --help` lists its flags"},
		{"tui --speed=-1", "--speed wants a number that is not negative, not -1", "`replibuild tui --help` lists its flags"},
		{"tui --from soon", `--from wants a duration such as 10s or 2m, not "soon"`, "`replibuild tui --help` lists its flags"},
		{"explain", "replibuild explain needs a FILE or TARGET", "for example: replibuild explain src/main.cpp"},
		{"explain a b", "replibuild explain takes one FILE or TARGET, but got 2", "for example: replibuild explain src/main.cpp"},
		{"graph", "replibuild graph needs a FILE", "for example: replibuild graph src/main.cpp"},
		{"status now", `replibuild status takes no arguments, but got "now"`, "`replibuild status --help` shows how to use it"},
		{"stop compiler", `there is no daemon "compiler"`, "the daemons are discovery, setup, compilation, orchestrator"},
		{"stop --all setup", "--all stops every daemon of every project: leave out the names and --project", "`replibuild help` lists commands and flags"},
	} {
		args := strings.Fields(c.line)
		code, _, stderr := call(args...)
		if want := "error: " + c.message + "\nhint: " + c.hint + "\n"; code != exitUsage || stderr != want {
			t.Errorf("%s: exit %d\n%swant exit 2\n%s", c.line, code, stderr, want)
		}
	}
}

// With --json a mistake in the command line is JSON, wherever the flag stands.
func TestUsageErrorsAreJSON(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"compile --bogus --json", "compile --json --bogus", "status --json x", "history --json -n x", "bogus --json"} {
		code, stdout, stderr := call(strings.Fields(line)...)
		var reply struct {
			Schema int
			OK     *bool
			Error  struct{ Code, Message, Hint string }
		}
		if err := json.Unmarshal([]byte(stdout), &reply); err != nil || code != exitUsage || stderr != "" {
			t.Errorf("%s: exit %d, %q, %q (%v)", line, code, stdout, stderr, err)
			continue
		}
		if reply.Schema != 1 || reply.OK == nil || *reply.OK || reply.Error.Code != "bad_request" || reply.Error.Message == "" || reply.Error.Hint == "" {
			t.Errorf("%s: %s", line, stdout)
		}
	}
	if _, stdout, _ := call("compile", "--bogus", "--", "--json"); stdout != "" {
		t.Errorf("--json behind -- is no flag: %s", stdout)
	}
}

func TestHelpOfACommand(t *testing.T) {
	t.Parallel()
	code, stdout, _ := call("help", "cache", "stats")
	if code != exitDone || !strings.Contains(stdout, "replibuild cache stats [flags]") || !strings.Contains(stdout, "--help") {
		t.Errorf("exit %d:\n%s", code, stdout)
	}
	if code, stdout, _ := call(); code != exitDone || !strings.Contains(stdout, "Build:") {
		t.Errorf("without a command: exit %d:\n%s", code, stdout)
	}
}

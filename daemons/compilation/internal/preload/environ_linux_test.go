package preload

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// showsAll prints its environment in every way there is, and asks for two variables.
const showsAll = `
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void show(const char *how, char **env) {
	for (; *env; env++)
		printf("%s %s\n", how, *env);
	fflush(stdout);
}
static void child(int how, char **argv, char **env) {
	pid_t pid = how ? fork() : 0;
	int status;
	if (pid == 0 && how == 0)
		posix_spawn(&pid, argv[0], NULL, NULL, argv, env);
	else if (pid == 0) {
		switch (how) {
		case 1: execve(argv[0], argv, env); break;
		case 2: execl(argv[0], argv[0], (char *)NULL); break;
		case 3: execvpe(argv[0], argv, env); break;
		case 4: environ = env; execv(argv[0], argv); break;
		}
		_exit(1);
	}
	waitpid(pid, &status, 0);
}
int main(int argc, char **argv, char **envp) {
	char line[4096], *none[] = {"ONLY=this", NULL}, *env[] = {"/usr/bin/env", NULL};
	show("environ", environ);
	show("main", envp);
	getenv("ASKED");
	secure_getenv("ABSENT");
	printf("hidden %s %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "none", getenv("REPLIBUILD_TRACE") ? "trace" : "none");
	fflush(stdout);
	system("/usr/bin/env");
	FILE *p = popen("/usr/bin/env", "r");
	while (p && fgets(line, sizeof line, p))
		printf("popen %s", line);
	if (p)
		pclose(p);
	show("after", environ);
	for (int how = 0; how < 5; how++) {
		child(how, env, none);
		child(how, env, environ);
	}
	setenv("SET", "1", 1);
	system("/usr/bin/env");
	clearenv();
	system("/usr/bin/env");
	(void)argc, (void)argv;
	return 0;
}
`

// showsFile prints what the kernel says of its environment.
const showsFile = `
#include <stdio.h>
int main(void) {
	FILE *f = fopen("/proc/self/environ", "r");
	for (int c; (c = getc(f)) != EOF;)
		putchar(c ? c : '\n');
	return 0;
}
`

// What we put into the environment does not show, whatever way a program looks, and every
// program that it starts records all the same.
func TestEnvironmentHidden(t *testing.T) {
	t.Parallel()
	dir := write(t, "all.c", showsAll, "file.c", showsFile, "empty.c", "")
	all, file := compileC(t, dir, "all", "all.c"), compileC(t, dir, "file", "file.c")
	theirs := compileC(t, dir, "theirs.so", "-shared", "-fPIC", "empty.c")
	for _, exe := range []string{all, file, program(t, "env"), program(t, "bash") + " -c env", program(t, "sh") + " -c export"} {
		for _, more := range [][]string{nil, {"ASKED=1", "X=multi\nline"}, {"LD_PRELOAD=" + theirs}} {
			args := strings.SplitN(exe, " ", 3)
			env := append([]string{"PATH=" + os.Getenv("PATH")}, more...)
			plain := exec.CommandContext(t.Context(), args[0], args[1:]...)
			plain.Dir, plain.Env = dir, append(slices.Clip(env), "PWD="+dir)
			want, err := plain.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, o := tracedIn(t, plain.Env, dir, args...)
			if got != string(want) {
				t.Errorf("%s with %q: traced it prints\n%s\nplainly\n%s", exe, more, got, want)
			}
			if !o.Complete {
				t.Errorf("%s: %s", exe, o.WhyNot)
			}
		}
	}
}

// tracedIn runs a program with an environment, and returns what it printed.
func tracedIn(t *testing.T, env []string, dir string, args ...string) (string, Observation) {
	t.Helper()
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, libraryFor(t, program(t, "sh")).Env(env, trace), time.Minute
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return string(out), NewReader(dir).Observe(trace, nil, nil)
}

// The names that programs ask for are observed, and which ones may have read everything.
func TestVariablesAreObserved(t *testing.T) {
	t.Parallel()
	dir := write(t, "asks.c", `#include <stdlib.h>
int main(void) { return getenv("ASKED") == secure_getenv("OTHER") ? 0 : 0; }`, "early.cc", `#include <cstdlib>
static const char *early = std::getenv("EARLY");
int main() { return early ? 0 : 0; }`, "all.c", `#include <unistd.h>
extern char **environ;
int main(void) { return environ[0] ? 0 : 1; }`, "file.c", showsFile, "lib.c", `extern char **environ;
char *first(void) { return environ[0]; }`, "byLib.c", `char *first(void); int main(void) { return first() ? 0 : 1; }`)
	asks, all, file := compileC(t, dir, "asks", "asks.c"), compileC(t, dir, "all", "all.c"), compileC(t, dir, "file", "file.c")
	lib := compileC(t, dir, "libfirst.so", "-shared", "-fPIC", "lib.c")
	byLib := compileC(t, dir, "byLib", "byLib.c", lib, "-Wl,-rpath,"+dir)
	early := filepath.Join(dir, "early")
	if out, err := exec.CommandContext(t.Context(), program(t, "g++"), "-o", early, filepath.Join(dir, "early.cc")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	static := compileC(t, dir, "static", "-static", "asks.c")
	sh, bash := program(t, "sh"), program(t, "bash")
	for _, tt := range []struct {
		args  []string
		asked string
		whole bool
	}{
		{[]string{asks}, "ASKED OTHER", false},
		{[]string{early}, "EARLY", false},
		{[]string{all}, "", true},
		{[]string{byLib}, "", true},
		{[]string{file}, "", true},
		{[]string{sh, "-c", static}, "", true},
		{[]string{sh, "-c", asks + " a b"}, "ASKED OTHER SHELLOPTS BASH_*", false},
		{[]string{bash, "-c", ": && cd . && " + asks + " >/dev/null && :"}, "ASKED OTHER CDPATH BASH_*", false},
		{[]string{sh, "-c", asks + " $ASKED"}, "ASKED OTHER", true},
		{[]string{sh, "-c", asks, "name"}, "ASKED OTHER", true},
		{[]string{sh, "-e", "-c", asks}, "ASKED OTHER", true},
		{[]string{program(t, "env"), asks}, "ASKED OTHER", true},
		{[]string{program(t, "python3"), "-c", ""}, "PYTHONHOME", true},
	} {
		_, o := tracedIn(t, testEnv(), dir, tt.args...)
		for _, name := range strings.Fields(tt.asked) {
			if !slices.Contains(o.Variables, name) {
				t.Errorf("%s asked for %q, without %s", tt.args, o.Variables, name)
			}
		}
		if got := len(o.WholeBy) > 0; got != tt.whole {
			t.Errorf("%s: all was read by %q", tt.args, o.WholeBy)
		}
		if len(o.Volatile) > 0 {
			t.Errorf("%s: volatile %q", tt.args, o.Volatile)
		}
	}
}

// A variable that a program asks for before main is an input of each request, and a request
// with another value does not get the resident's.
func TestResidentAskedEarly(t *testing.T) {
	t.Parallel()
	dir := write(t, "early.c", `#include <stdio.h>
#include <stdlib.h>
static const char *early;
__attribute__((constructor)) static void before_main(void) { early = getenv("EARLY"); }
int main(void) { printf("%s", early ? early : "none"); return 0; }`)
	exe := compileC(t, dir, "early", "early.c")
	r, lib := theResident(t, exe)
	if _, err := r.Run(t.Context(), Request{Args: []string{exe}, Dir: dir, Env: lib.Env(testEnv("EARLY=1"), nil)}); !errors.Is(err, ErrUnsuitable) {
		t.Errorf("another value: %v", err)
	}
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	if _, got := output(t, r, Request{Args: []string{exe}, Dir: dir, Env: lib.Env(testEnv("OTHER=1"), trace)}); got != "none" {
		t.Errorf("printed %q", got)
	}
	if o := NewReader(dir).Observe(trace, nil, nil); !slices.Contains(o.Variables, "EARLY") || !o.Complete {
		t.Errorf("asked for %q, %s", o.Variables, o.WhyNot)
	}
}

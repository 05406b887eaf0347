package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// byMake is the trial of a project of make.
func (t *trial) byMake(ctx context.Context) error {
	if err := t.fresh(ctx); err != nil {
		return err
	}
	if p := t.project.prepare; p != nil {
		if _, err := t.command(ctx, t.source(), t.env, p[0], p[1:]...); err != nil {
			return err
		}
	}
	before, err := look(t.tree())
	if err != nil {
		return err
	}
	if err := t.copy(ctx, t.tree(), filepath.Join(t.dir, "ours")); err != nil {
		return err
	}
	t.theirs, err = t.timed(ctx, t.source(), t.env, "make", t.makeArgs()...)
	if err != nil {
		return err
	}
	their, err := look(t.tree())
	if err != nil {
		return err
	}
	t.outputs = len(their.made(before))
	if err := t.swap("theirs", "ours"); err != nil {
		return err
	}
	differing, err := t.launchedBuilds(ctx, their)
	if err != nil {
		return err
	}
	t.test(ctx, t.source(), "make", "check")
	t.stopDaemons()
	return t.proveByMake(ctx, their, differing)
}

func (t *trial) makeArgs() []string { return append([]string{t.jobs}, t.project.options...) }

// clean removes what was compiled.
func (t *trial) clean(ctx context.Context) error {
	command := t.project.clean
	if command == nil {
		command = []string{"make", "clean"}
	}
	_, err := t.command(ctx, t.source(), t.env, command[0], command[1:]...)
	return err
}

// difference is files that are not as they should be.
type difference struct {
	when  string
	files []string
}

// launchedBuilds builds three times behind the launcher, and returns what differs from make's
// own outputs the first time, and from ours later.
func (t *trial) launchedBuilds(ctx context.Context, their snapshot) (all []difference, err error) {
	links, err := t.links()
	if err != nil {
		return nil, err
	}
	env := append(slices.Clone(t.env), "PATH="+links+":"+os.Getenv("PATH"))
	if t.first, err = t.timed(ctx, t.source(), env, "make", t.makeArgs()...); err != nil {
		return nil, err
	}
	numbers, err := t.launches(ctx)
	if err != nil {
		return nil, err
	}
	t.units = numbers.Misses + numbers.Hits
	built, err := look(t.tree())
	if err != nil {
		return nil, err
	}
	all = append(all, difference{"after the first build", built.differ(their, t.project.ignore)})
	again := func(how string, run func() error) error {
		if err := t.clean(ctx); err != nil {
			return err
		}
		was := numbers
		if err := run(); err != nil {
			return err
		}
		if numbers, err = t.launches(ctx); err != nil {
			return err
		}
		t.notHits(ctx, how, was, numbers)
		got, err := look(t.tree())
		all = append(all, difference{"after " + how, got.differ(built, t.project.ignore)})
		return err
	}
	err = again("the second build", func() (err error) {
		t.cached, err = t.timed(ctx, t.source(), env, "make", t.makeArgs()...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, again("the build by [build] system = \"make\"", func() error { return t.bySystemMake(ctx) })
}

// links makes a folder of links with the names of the compilers.
func (t *trial) links() (string, error) {
	dir := filepath.Join(t.dir, "links")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"cc", "c++", "gcc", "g++", t.compiler, cxx(t.compiler)} {
		if err := os.Symlink(t.replibuild+"-cc", filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	return dir, nil
}

// bySystemMake builds by a replibuild.toml that names make.
func (t *trial) bySystemMake(ctx context.Context) error {
	text := "[build]\nsystem = \"make\"\n"
	if len(t.project.options) > 0 {
		text += fmt.Sprintf("make_options = [\"%s\"]\n", strings.Join(t.project.options, `", "`))
	}
	if err := os.WriteFile(filepath.Join(t.source(), "replibuild.toml"), []byte(text), 0o644); err != nil {
		return err
	}
	_, err := t.command(ctx, t.source(), t.env, t.replibuild, "compile", t.jobs)
	return err
}

// launchNumbers is what `cc --stats --json` says of all commands since the daemon started.
type launchNumbers struct {
	Hits, Misses int
	NotStored    int `json:"not_stored"`
	Refused      map[string]int
}

func (t *trial) launches(ctx context.Context) (n launchNumbers, err error) {
	out, err := t.command(ctx, t.dir, t.env, t.replibuild, "cc", "--stats", "--json")
	if err != nil {
		return n, err
	}
	var reply struct{ Launches launchNumbers }
	err = json.Unmarshal([]byte(out), &reply)
	return reply.Launches, err
}

// notHits says which commands of a build that should be all hits were none, and why.
func (t *trial) notHits(ctx context.Context, how string, was, now launchNumbers) {
	if misses := now.Misses - was.Misses; misses > 0 {
		t.fault("%s: %d hits and %d misses", how, now.Hits-was.Hits, misses)
		out, _ := t.command(ctx, t.dir, t.env, t.replibuild, "cc", "--explain")
		for _, line := range explained(out, misses) {
			t.remark("%s", line)
		}
	}
	for why, n := range now.Refused {
		if n > was.Refused[why] {
			t.remark("%s: %d commands not looked up: %s", how, n-was.Refused[why], why)
		}
	}
}

// explained are the last n lines of `cc --explain` that tell of a miss or its end.
func explained(text string, n int) (lines []string) {
	for line := range strings.Lines(text) {
		if missed().MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	const most = 20
	return lines[max(0, len(lines)-min(2*n, most)):]
}

func missed() *regexp.Regexp { return regexp.MustCompile(`^\S+ (miss|not stored)`) }

// proveByMake has make build everything once more where it built before. What differs then too
// proves nothing: redis has a file that is there after the second build only.
func (t *trial) proveByMake(ctx context.Context, their snapshot, differing []difference) error {
	if !slices.ContainsFunc(differing, func(d difference) bool { return len(d.files) > 0 }) {
		return nil
	}
	if err := t.swap("ours", "theirs"); err != nil {
		return err
	}
	if err := t.clean(ctx); err != nil {
		return err
	}
	if _, err := t.command(ctx, t.source(), t.env, "make", t.makeArgs()...); err != nil {
		return err
	}
	again, err := look(t.tree())
	if err != nil {
		return err
	}
	unproved := again.differ(their, t.project.ignore)
	t.unproved = len(unproved)
	for _, d := range differing {
		faults := slices.DeleteFunc(d.files, func(file string) bool { return slices.Contains(unproved, file) })
		if len(faults) > 0 {
			t.fault("%s, %d files differ: %s", d.when, len(faults), short(faults))
		}
	}
	return nil
}

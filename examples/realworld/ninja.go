package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// nothingToDo is what ninja says of a folder in which all is up to date.
const nothingToDo = "ninja: no work to do."

func (t *trial) buildDir() string { return filepath.Join(t.tree(), "realworld-build") }

// configure runs CMake or Meson.
func (t *trial) configure(ctx context.Context) error {
	args := append([]string{"-G", "Ninja", "-S", t.source(), "-B", t.buildDir()}, t.project.options...)
	if t.project.system == "meson" {
		args = append([]string{"setup", t.buildDir(), t.source()}, t.project.options...)
	}
	_, err := t.command(ctx, t.tree(), t.env, t.project.system, args...)
	return err
}

// ninjaArgs are the arguments of all builds by ninja and `replibuild ninja`.
func (t *trial) ninjaArgs() []string { return append([]string{t.jobs}, t.targets...) }

// ninja builds by ninja.
func (t *trial) ninja(ctx context.Context) (string, error) {
	return t.command(ctx, t.buildDir(), t.env, "ninja", t.ninjaArgs()...)
}

// ours builds by `replibuild ninja`.
func (t *trial) ours(ctx context.Context) error {
	_, err := t.command(ctx, t.buildDir(), t.env, t.replibuild, append([]string{"ninja"}, t.ninjaArgs()...)...)
	return err
}

// byNinja is the trial of a project of CMake or Meson.
func (t *trial) byNinja(ctx context.Context) error {
	if err := t.fresh(ctx); err != nil {
		return err
	}
	if err := t.configure(ctx); err != nil {
		return err
	}
	if err := t.copy(ctx, t.tree(), filepath.Join(t.dir, "ours")); err != nil {
		return err
	}
	configured, err := look(t.tree())
	if err != nil {
		return err
	}
	their, err := t.ninjasBuilds(ctx)
	if err != nil {
		return err
	}
	t.outputs = len(their.built.made(configured))
	if err := t.swap("theirs", "ours"); err != nil {
		return err
	}
	differing, err := t.ourBuilds(ctx, their)
	if err != nil {
		return err
	}
	if t.project.system == "meson" {
		t.test(ctx, t.buildDir(), "meson", "test", "--no-rebuild")
	} else {
		t.test(ctx, t.buildDir(), "ctest", t.jobs)
	}
	t.stopDaemons()
	return t.proveByNinja(ctx, their, differing)
}

// reference is what ninja made.
type reference struct {
	edit          edit
	header        string
	built, edited snapshot
	idle          []string
	changes       changes
}

// ninjasBuilds has ninja build before and after an edit, and chooses what is edited.
func (t *trial) ninjasBuilds(ctx context.Context) (their reference, err error) {
	t.theirs, err = t.timed(ctx, t.buildDir(), t.env, "ninja", t.ninjaArgs()...)
	if err != nil {
		return their, err
	}
	if their.built, err = look(t.tree()); err != nil {
		return their, err
	}
	if their.idle, err = t.idle(ctx, "ninja"); err != nil {
		return their, err
	}
	if err := t.choose(ctx, &their); err != nil {
		return their, err
	}
	if err := their.edit.do(); err != nil {
		return their, err
	}
	if _, err := t.ninja(ctx); err != nil {
		return their, err
	}
	if their.edited, err = look(t.tree()); err != nil {
		return their, err
	}
	if err := their.edit.undo(); err != nil {
		return their, err
	}
	return their, t.ninjasChanges(ctx, &their)
}

// ourBuilds has RepliBuild do everything, and returns the files that are not as ninja made them.
func (t *trial) ourBuilds(ctx context.Context, their reference) (differing []string, err error) {
	built, err := t.firstBuild(ctx, their)
	if err != nil {
		return nil, err
	}
	differing = built.differ(their.built, t.project.ignore)
	t.expectIdle(ctx, their, "after the first build", t.replibuild, "ninja")
	t.expectIdle(ctx, their, "after the first build", "ninja")
	if err := t.cachedBuild(ctx, built); err != nil {
		return nil, err
	}
	if err := t.touchedHeader(ctx, their.header, built); err != nil {
		return nil, err
	}
	if err := t.editedSource(ctx, their, differing); err != nil {
		return nil, err
	}
	return differing, t.ourChanges(ctx, their, differing)
}

func (t *trial) firstBuild(ctx context.Context, their reference) (built snapshot, err error) {
	t.first, err = t.timed(ctx, t.buildDir(), t.env, t.replibuild, append([]string{"ninja"}, t.ninjaArgs()...)...)
	if err != nil {
		return nil, err
	}
	return look(t.tree())
}

// idle is what a ninja does if nothing has changed: the descriptions of the edges that run, or that
// there is nothing. Some projects have edges whose outputs never come to be.
func (t *trial) idle(ctx context.Context, program string, args ...string) ([]string, error) {
	out, err := t.command(ctx, t.buildDir(), t.env, program, append(args, t.targets...)...)
	var does []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if _, description, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(line, "[") {
			does = append(does, description)
		} else if line == nothingToDo {
			does = append(does, line)
		}
	}
	slices.Sort(does)
	return does, err
}

// expectIdle expects of a ninja what ninja itself does with nothing changed.
func (t *trial) expectIdle(ctx context.Context, their reference, when, program string, args ...string) {
	does, err := t.idle(ctx, program, args...)
	if err != nil || !slices.Equal(does, their.idle) {
		t.fault("%s, %s does %s in place of %s (%v)", when, filepath.Base(program), short(does), short(their.idle), err)
	}
}

// cachedBuild deletes all outputs: nothing may be compiled.
func (t *trial) cachedBuild(ctx context.Context, before snapshot) (err error) {
	if _, err := t.command(ctx, t.buildDir(), t.env, t.replibuild, "ninja", "-t", "clean"); err != nil {
		return err
	}
	t.cached, err = t.timed(ctx, t.buildDir(), t.env, t.replibuild, append([]string{"ninja"}, t.ninjaArgs()...)...)
	if err != nil {
		return err
	}
	return t.expectNoCompile(ctx, "with outputs deleted", before)
}

// touchedHeader gives a header a new time: nothing may be compiled.
func (t *trial) touchedHeader(ctx context.Context, header string, before snapshot) error {
	if header == "" {
		t.remark("no header of the project is read by a compile")
		return nil
	}
	now := time.Now()
	if err := os.Chtimes(header, now, now); err != nil {
		return err
	}
	if err := t.ours(ctx); err != nil {
		return err
	}
	return t.expectNoCompile(ctx, "with "+filepath.Base(header)+" touched", before)
}

// editedSource makes the edit, has ninja look at the result, take the edit back, and looks at
// what ninja made.
func (t *trial) editedSource(ctx context.Context, their reference, differing []string) error {
	if err := their.edit.do(); err != nil {
		return err
	}
	if err := t.ours(ctx); err != nil {
		return err
	}
	t.compare("after the edit", their.edited, differing)
	t.expectIdle(ctx, their, "after our build of the edit", "ninja")
	if err := their.edit.undo(); err != nil {
		return err
	}
	if _, err := t.ninja(ctx); err != nil {
		return err
	}
	t.expectIdle(ctx, their, "after ninja took the edit back", t.replibuild, "ninja")
	t.compare("after ninja took the edit back", their.built, differing)
	return nil
}

// compare compares the tree with what it should be; known are files that are known to differ.
func (t *trial) compare(when string, want snapshot, known []string) {
	got, err := look(t.tree())
	if err != nil {
		t.fault("%s: %v", when, err)
		return
	}
	differing := slices.DeleteFunc(got.differ(want, t.project.ignore), func(file string) bool { return slices.Contains(known, file) })
	if len(differing) > 0 {
		t.fault("%s, %d files differ: %s", when, len(differing), short(differing))
	}
}

// expectNoCompile expects of the last build that it compiled nothing and changed no file.
func (t *trial) expectNoCompile(ctx context.Context, when string, before snapshot) error {
	if err := t.noCompiles(ctx, when); err != nil {
		return err
	}
	t.compare(when, before, nil)
	return nil
}

// noCompiles expects of the last build that it compiled nothing.
func (t *trial) noCompiles(ctx context.Context, when string) error {
	units, err := t.lastBuild(ctx)
	if err != nil {
		return err
	}
	var others []string
	for _, u := range units {
		switch {
		case u.Status != "compiled":
		case u.isCompile():
			t.fault("%s, %s is compiled: %s %s", when, u.ID, u.Reason.Text, u.Reason.Path)
		default:
			others = append(others, u.ID)
		}
	}
	if len(others) > 0 {
		t.remark("%s, links and commands ran: %s", when, short(others))
	}
	return nil
}

// unit is one line of `history --units`.
type unit struct {
	ID, Status string
	Reason     struct{ Code, Text, Path string }
}

// isCompile reports whether the unit is a compile: the names of others begin with their kind.
func (u unit) isCompile() bool {
	return !strings.HasPrefix(u.ID, "link:") && !strings.HasPrefix(u.ID, "step:")
}

// lastBuild asks the history for the last build.
func (t *trial) lastBuild(ctx context.Context) ([]unit, error) {
	out, err := t.command(ctx, t.dir, t.env, t.replibuild, "history", "--json", "--units", "-n", "1", "--project", t.buildDir())
	if err != nil {
		return nil, err
	}
	var reply struct{ Builds []struct{ Units []unit } }
	if err := json.Unmarshal([]byte(out), &reply); err != nil || len(reply.Builds) != 1 {
		return nil, fmt.Errorf("the history is %q: %w", out, err)
	}
	return reply.Builds[0].Units, nil
}

// proveByNinja has ninja make the files that differ once more, where it made them before. Those
// that come out as RepliBuild's did not before prove nothing; the others are faults.
func (t *trial) proveByNinja(ctx context.Context, their reference, differing []string) error {
	if len(differing) == 0 {
		return nil
	}
	if err := t.swap("ours", "theirs"); err != nil {
		return err
	}
	for _, file := range differing {
		if _, made := their.built[file]; made {
			_ = os.Remove(filepath.Join(t.tree(), file))
		}
	}
	if _, err := t.ninja(ctx); err != nil {
		return err
	}
	again, err := look(t.tree())
	if err != nil {
		return err
	}
	unproved := again.differ(their.built, nil)
	faults := slices.DeleteFunc(differing, func(file string) bool { return slices.Contains(unproved, file) })
	t.unproved = len(unproved)
	if len(faults) > 0 {
		t.fault("%d files differ from ninja's: %s", len(faults), short(faults))
	}
	return nil
}

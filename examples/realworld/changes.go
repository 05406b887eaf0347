package main

import (
	"context"
	"errors"
	"maps"
)

// changes is what ninja made of an edited header and of another flag.
type changes struct {
	header                      edit
	headerEdited, flag, cleaned snapshot // headerEdited is nil if ninja cannot build that
	back                        snapshot // with the flag taken back
}

// reconfigure has CMake or Meson add a flag to all compiles; "" takes it away.
func (t *trial) reconfigure(ctx context.Context, flag string) error {
	command := []string{"cmake", "-DCMAKE_C_FLAGS=" + flag, "-DCMAKE_CXX_FLAGS=" + flag, t.buildDir()}
	if t.project.system == "meson" {
		command = []string{"meson", "configure", "-Dc_args=" + flag, "-Dcpp_args=" + flag, t.buildDir()}
	}
	if _, err := t.command(ctx, t.tree(), t.env, command[0], command[1:]...); err != nil || t.project.system != "meson" {
		return err
	}
	_, err := t.command(ctx, t.buildDir(), t.env, "ninja", "build.ninja") // meson configure only notes it
	return err
}

// anotherFlag changes each command line, and with debug information each object.
const anotherFlag = "-DREPLIBUILD_ANOTHER_FLAG=1"

// ninjasChanges has ninja build with an edited header and with another flag, and clean.
func (t *trial) ninjasChanges(ctx context.Context, their *reference) (err error) {
	c := &their.changes
	if their.header != "" {
		if c.header, err = newEdit(their.header, addedToHeader); err != nil {
			return err
		}
		if c.headerEdited, err = t.ninjasEditOfHeader(ctx, c.header); err != nil {
			return err
		}
	}
	if err := t.reconfigure(ctx, anotherFlag); err != nil {
		return err
	}
	if _, err := t.ninja(ctx); err != nil {
		return err
	}
	if c.flag, err = look(t.tree()); err != nil {
		return err
	}
	if _, err := t.command(ctx, t.buildDir(), t.env, "ninja", append([]string{"-t", "clean"}, t.targets...)...); err != nil {
		return err
	}
	if c.cleaned, err = look(t.tree()); err != nil {
		return err
	}
	if err := t.reconfigure(ctx, ""); err != nil {
		return err
	}
	// CMake's files are not those of the first time: a flag that is empty now was not there then.
	configured, err := look(t.tree())
	c.back = maps.Clone(their.built)
	maps.Copy(c.back, configured)
	return err
}

// ninjasEditOfHeader is nil if the text does not fit into the header.
func (t *trial) ninjasEditOfHeader(ctx context.Context, header edit) (snapshot, error) {
	if err := header.do(); err != nil {
		return nil, err
	}
	if _, err := t.ninja(ctx); err != nil {
		t.remark("no edit of a header: %v", err)
		return nil, header.undo()
	}
	edited, err := look(t.tree())
	return edited, errors.Join(err, header.undo())
}

// ourChanges makes the same changes, and takes each of them back.
func (t *trial) ourChanges(ctx context.Context, their reference, differing []string) error {
	if their.changes.headerEdited != nil {
		if err := t.editedHeader(ctx, their, differing); err != nil {
			return err
		}
	}
	if err := t.reconfigure(ctx, anotherFlag); err != nil {
		return err
	}
	if err := t.ours(ctx); err != nil {
		return err
	}
	t.compare("with another flag", their.changes.flag, differing)
	t.expectIdle(ctx, their, "after our build with another flag", "ninja")
	if err := t.cleaned(ctx, their, differing); err != nil {
		return err
	}
	if err := t.reconfigure(ctx, ""); err != nil {
		return err
	}
	their.built = their.changes.back
	return t.takenBack(ctx, their, "with the flag taken back", differing)
}

// editedHeader builds with the edited header, and without the edit again.
func (t *trial) editedHeader(ctx context.Context, their reference, differing []string) error {
	if err := their.changes.header.do(); err != nil {
		return err
	}
	if err := t.ours(ctx); err != nil {
		return err
	}
	t.compare("with an edited header", their.changes.headerEdited, differing)
	t.expectIdle(ctx, their, "after our build with an edited header", "ninja")
	if err := their.changes.header.undo(); err != nil {
		return err
	}
	return t.takenBack(ctx, their, "with the edit of the header taken back", differing)
}

// cleaned removes all outputs of the build with another flag, and builds them again.
func (t *trial) cleaned(ctx context.Context, their reference, differing []string) error {
	if _, err := t.command(ctx, t.buildDir(), t.env, t.replibuild, append([]string{"ninja", "-t", "clean"}, t.targets...)...); err != nil {
		return err
	}
	t.compare("after -t clean", their.changes.cleaned, differing)
	if err := t.ours(ctx); err != nil {
		return err
	}
	t.compare("with another flag and outputs deleted", their.changes.flag, differing)
	return t.noCompiles(ctx, "with another flag and outputs deleted")
}

// takenBack builds what ninja built first: nothing may be compiled, and both tools have nothing to do
// afterwards.
func (t *trial) takenBack(ctx context.Context, their reference, when string, differing []string) error {
	if err := t.ours(ctx); err != nil {
		return err
	}
	t.compare(when, their.built, differing)
	if err := t.noCompiles(ctx, when); err != nil {
		return err
	}
	t.expectIdle(ctx, their, when, "ninja")
	t.expectIdle(ctx, their, when, t.replibuild, "ninja")
	return nil
}

package cli

import (
	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// find finds the project that the command works on.
func (a *app) find() (*replibuild.Project, error) {
	return replibuild.Open(a.projectDir, replibuild.Options{Env: a.Env})
}

// place finds what the command works on: a project with targets of its own (b is nil), or
// one that another build system builds: by [build] of its replibuild.toml, or a folder with
// a build.ninja and no replibuild.toml. With a mistake in [build], p, and b as far as it
// could be read, are returned beside the error.
func (a *app) place() (p *replibuild.Project, b *replibuild.BuildSystem, err error) {
	p, err = a.find()
	if err == nil {
		if b, err = p.BuildSystem(); b != nil || err != nil {
			return p, b, err
		}
	}
	dir, err := a.ninjaFolder(p, err)
	if err != nil || dir == "" {
		return p, nil, err
	}
	b, err = replibuild.NinjaFolder(dir, replibuild.Options{Env: a.Env})
	return p, b, err
}

// openBuilt is open for a command that asks about builds and files. Of what make builds there is no
// history: each compile is one of the launcher.
func (a *app) openBuilt() (*replibuild.Project, error) {
	if !a.user {
		if _, b, _ := a.place(); b != nil && b.ByMake() {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "make builds this project, and its compiles go to the launcher's daemon").
				WithHint("`replibuild cc --explain` lists the last ones with their results, `replibuild cc --stats` counts them, `replibuild tui --user` shows both")
		}
	}
	return a.open()
}

// open finds the project for a command that asks its set of daemons. If another build system
// builds it, the set is that of the build folder; with --user, it is the set of the user.
func (a *app) open() (*replibuild.Project, error) {
	if a.user {
		return a.openUser()
	}
	p, b, err := a.place()
	switch {
	case b != nil: // mistakes matter to those that build
		return b.Open()
	case p != nil:
		return p, nil
	}
	return nil, err
}

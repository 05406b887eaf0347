package daemons

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// A daemon serves only processes that see what it sees. In another mount namespace,
// container or root folder the same path may name another file. Commands there build in
// their own process, and leave the daemons alone.

// ViewID names what this process sees, in a form for the names of files.
func ViewID() string {
	sum := sha256.Sum256([]byte(ownView()))
	return hex.EncodeToString(sum[:4])
}

// SeesTheSame reports whether a process sees what this one sees.
func SeesTheSame(pid int) bool { return viewOf(strconv.Itoa(pid)) == ownView() }

// seesTheSame reports whether the daemon of an endpoint sees what this process sees.
func seesTheSame(ep ipc.Endpoint) bool { return ep.View == "" || ep.View == ownView() }

// isElsewhere reports whether a daemon lives that sees something else.
func (p Paths) isElsewhere(name string, ep ipc.Endpoint) bool {
	return !seesTheSame(ep) && isLocked(p.LockFile(name))
}

// notElsewhere is the error for the first of the named daemons that is elsewhere.
func (l *Launcher) notElsewhere(names []string) error {
	for _, name := range names {
		if ep, err := ReadEndpoint(l.Paths.EndpointFile(name)); err == nil && l.Paths.isElsewhere(name, ep) {
			return errElsewhere()
		}
	}
	return nil
}

// Unfit says why the named daemons cannot serve a caller, nil if they can or do not run:
// they see something else than this process, or cannot give the caller's commands the
// limits and priority of the caller.
func (l *Launcher) Unfit(c *ipc.Caller, names ...string) error {
	for _, name := range names {
		ep, err := ReadEndpoint(l.Paths.EndpointFile(name))
		switch {
		case err != nil:
		case l.Paths.isElsewhere(name, ep):
			return errElsewhere()
		case !caller.Serves(ep, c) && l.Alive(name):
			return ipc.Errorf(ipc.CodeUnavailable, "the %s daemon has lower limits or priority than this shell", name).
				WithHint("`replibuild restart` from this shell gives it those of the shell")
		}
	}
	return nil
}

// errElsewhere is the error for daemons that are left alone.
func errElsewhere() *ipc.Error {
	return ipc.Errorf(ipc.CodeUnavailable, "the daemons of the project run in another container or namespace, or with another root folder").
		WithHint("commands build without daemons here; `replibuild stop` where it was started ends it")
}

//go:build !linux

package daemons

import (
	"net"

	"github.com/RepliBuild/replibuild/ipc"
)

// rights is what decides which files a process sees: nothing is known here.
type rights struct{}

func ownRights() rights { return rights{} }

// unfitPeer refuses everybody: the thin client is for Linux.
func unfitPeer(*net.UnixConn, rights) string { return "the thin client is for Linux" }

// settled is a launcher that knows no settings.
type settled struct {
	ipc.Launcher
	nc *net.UnixConn
}

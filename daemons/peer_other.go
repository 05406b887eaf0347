//go:build !linux

package daemons

import "net"

// unfitPeer refuses everybody: the thin client is for Linux.
func unfitPeer(*net.UnixConn) string { return "the thin client is for Linux" }

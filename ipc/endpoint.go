package ipc

import "time"

// Endpoint says where a daemon listens and how to prove that one may talk to it.
// It is the content of the daemon's PID file, 0600 in a 0700 folder, new at every
// start; package daemons reads and writes the file.
type Endpoint struct {
	Schema     int       `json:"schema"`
	Daemon     string    `json:"daemon"` // one of DaemonNames
	Set        string    `json:"set"`
	Root       string    `json:"root"` // the project
	PID        int       `json:"pid"`
	StartTicks uint64    `json:"start_ticks"` // field 22 of /proc/PID/stat
	BootID     string    `json:"boot_id"`
	MachineID  string    `json:"machine_id"`
	BuildID    string    `json:"build_id"` // of the binary that runs
	Protocol   int       `json:"protocol"`
	Port       int       `json:"port"` // on 127.0.0.1, and on ::1 if IPv6
	IPv6       bool      `json:"ipv6"`
	Socket     string    `json:"socket,omitempty"` // path of a Unix socket, in place of a port
	Secret     []byte    `json:"secret"`           // 32 bytes
	Started    time.Time `json:"started"`
	Restarts   int       `json:"restarts"`
	Log        string    `json:"log"`
	// View names the mounts, processes, users, network and root folder that the daemon
	// sees. A process with another view must not use the daemon.
	View string `json:"view,omitempty"`
	// Caller are the daemon's own settings, Raises whether it may raise hard limits and
	// priorities above them.
	Caller *Caller `json:"caller,omitempty"`
	Raises bool    `json:"raises,omitempty"`
}

// Protocol is the version of the contract: daemons and commands with the same
// number understand each other whatever their build ids.
const Protocol = 2

// Package remotecache is the remote cache as a build sees it: results by key, on a server
// that other people and machines use too.
//
// A [Client] promises three things. What it returns is what was asked for: size and SHA-256
// of every blob are checked before the blob gets its name. It never fails a build: whatever
// the server does, an answer is a hit or a miss, and the reason is said once a build, to
// Options.Notify. And it costs little: look-ups have a deadline, a server that fails is left
// alone for a while, and the time that a build loses to it has a bound.
//
// The server of a [Farm] executes commands ([Client.Execute]). There too no fault fails a build: a
// command without a result is an error, and is run here.
//
// It does not decide what may be shared, nor whether a result is right for the asking tree:
// that is decided by what the caller puts into the keys. Whether a project may use a server
// is decided in package userconfig.
//
// The protocols are spoken by another program, replibuild-remote, which the client starts.
package remotecache

// Package ipc is the contract between RepliBuild's four daemons and their
// clients: the messages, the Go interface of each service, a client that
// implements that interface over a connection, and the server that offers a
// service on a port.
//
// What it promises:
//
//   - [Discovery], [Setup], [Compilation] and [Orchestrator] are plain Go
//     interfaces. A service in this process and a client of a service in another
//     one are interchangeable; callers cannot tell them apart except by
//     [ErrUnreachable].
//   - On the wire everything is a JSON value over TCP on loopback. A request is
//     one object with "action", an optional "id" that is echoed, and the
//     action's fields. The reply is one line, {"ok":true,…} or
//     {"ok":false,"error":{"code","message","hint"}}. Streaming actions send
//     event lines {"id","event",…} first, and a last line with "final":true.
//   - Nothing of value is sent before both sides have proved that they know the
//     secret in the endpoint file (see proof.go); the spec's plain requests are
//     answered to the same user only.
//   - One event schema ([Event]) serves the wire, --json, --record, --replay and
//     the history.
//
// The package imports the standard library and golang.org/x/sys only.
// docs/protocol.md lists every action; a test holds it equal to these types.
package ipc

package ipc

import "time"

// Limits of the transport. docs/protocol.md repeats them; a test holds it equal.
const (
	// maxStranger bounds a request of a peer that has neither proved itself nor is
	// known to be the same user: enough for hello and prove, nothing else.
	maxStranger = 4 << 10
	// maxPlain bounds a request in the spec's plain form.
	maxPlain = 1 << 20
	// maxProved bounds a request of a proved peer and every line that a client
	// reads. The inputs of 10,000 units are some 15 MiB of indices, the units
	// themselves some 5 MiB, so 16 MiB would be met by a real project.
	maxProved = 64 << 20
	// maxDepth bounds nesting; our own deepest request has 7 levels.
	maxDepth = 64
	// maxConnections bounds the connections of one daemon; more are closed at once.
	maxConnections = 256
)

const (
	// firstRequest is how long a peer may take from connecting, or from a request's
	// first byte, to its last byte.
	firstRequest = 5 * time.Second
	// provedRequest is the same for a proved peer, whose 64 MiB may well take longer
	// on a machine that compiles on all cores.
	provedRequest = 60 * time.Second
	// heartbeatEvery is the period of heartbeat lines to a proved peer that waits.
	heartbeatEvery = 300 * time.Millisecond
	// silence is how long a client waits for any byte: four heartbeats. A stopped
	// or hung daemon is left for the local service after that.
	silence = 1200 * time.Millisecond
	// restEvery and restSilence are the same for "subscribe". It is open all day and no
	// build waits for it, while every heartbeat wakes two processes.
	restEvery   = time.Second
	restSilence = 4 * time.Second
	// handshakeTry bounds the first attempt at dial and proof, handshakeRetry the
	// second one, made only if the first timed out. A daemon answers in 0.2 ms.
	handshakeTry   = 300 * time.Millisecond
	handshakeRetry = 600 * time.Millisecond
	// writeStall is how long a server lets a peer refuse bytes before it hangs up.
	// Loopback buffers megabytes, so only a stopped reader gets there.
	writeStall = 10 * time.Second
	// drainDefault is how long running requests may go on after a server was told
	// to stop.
	drainDefault = 10 * time.Second
)

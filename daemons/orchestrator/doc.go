// Package orchestrator decides what runs when. It implements [ipc.Orchestrator] on
// top of the three other services and does none of their work itself: it never
// opens a source file and starts no compiler.
//
// What it promises:
//
//   - One build at a time. Equal requests share one build, others wait, and the
//     one after queue_size is refused at once.
//   - Every build's events begin with BuildStarted (BuildQueued before it, if it had
//     to wait) and end with exactly one BuildFinished, whatever happens. A caller
//     that joins sees them from the beginning; a slow caller delays no other.
//   - A change made before a request is in that request's build, also when the
//     request joins a build that had looked for changes already: that build then
//     looks again before it ends.
//   - A daemon that does not answer is replaced by a service in this process for
//     the rest of the build; the build says so once and goes on.
//   - A build with nothing to do asks discovery once and no other daemon.
//   - What is believed about discovery's records is believed only while discovery
//     shows the token of the last record made here. In doubt every unit goes to
//     compilation, which looks for itself.
//   - An output that no action of the plan makes any more is removed from the build
//     folder, if it is as the build left it.
//   - An edit of one file costs no work on JSON that grows with the project; what is
//     kept of past builds is bounded, in memory and on disk.
//
// The life of a build is in build.go; each of its phases has a file of its own:
// planning.go (what to do), actiongraph.go and scope.go (the graph), scheduler.go (what is
// ready), schedule.go (what goes first), request.go (compilation is asked), outcomes.go
// (what became of it). What goes on without a build is in
// changes.go (automatic builds), subscribers.go (subscribers, the set) and explain.go.
package orchestrator

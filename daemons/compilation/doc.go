// Package compilation implements [ipc.Compilation]: it runs the actions of a plan, and
// never does the same thing twice.
//
// What it promises:
//
//   - An output is left alone or taken from the cache only if every file that made
//     it has the same content, every name that was looked for in vain is still
//     missing and every folder that was listed has the same names, in this tree, by
//     a look at each of them once a request (see snapshot.Tree). A watcher is never
//     trusted for that.
//   - What may not be what the inputs make is delivered but neither stored nor
//     trusted: an input that changed while it was read, a result that failed, one
//     that depends on the clock.
//   - An output is never written through: it gets its name when it is finished, so
//     links and other names of the old file stay what they were.
//   - Every process has a group of its own, which ends with its request, its
//     timeout or this process.
//
// All kinds of actions take one way: in place, else from the
// cache, else made, then settled, delivered, recorded and stored. Two of the same
// key at the same moment are made once.
//
// Two small interfaces keep the parts apart that differ by platform: a [process.Spawner]
// starts a process, a [tracker] finds out what it read.
package compilation

// Package cache keeps what compilers and linkers made, by content, so that the same
// thing is never made twice. It knows nothing of compilers or daemons.
//
// What it promises:
//
//   - What comes out is what went in: every file is checked against a SHA-256 while
//     it is read. Whatever is wrong is a miss, counted and deleted, never an error
//     of the build.
//   - Many processes may use one folder at once. A blob is published before the
//     entry that names it, each by a temporary file and a rename, so that a reader
//     sees all of an entry or none of it. There is no fsync: the check on reading
//     answers for power loss too.
//   - The folder may vanish, fill up or turn read-only at any time. The store then
//     keeps nothing, says why once, and tries again later.
//
// A look-up has two steps, like ccache's direct mode: a base key (command and
// source) leads to the input sets seen before; the set whose every input still has
// its content names the action key, and that leads to the entry.
//
// Layout of a store's folder: entries/ab/HEX, blobs/ab/HEX, manifests/ab/HEX, where
// ab are the first two digits; stats and index beside them.
package cache

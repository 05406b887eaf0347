// Package discovery knows which files of a project have changed since they were
// last used, and what was made from them. It implements [ipc.Discovery].
//
// What it promises:
//
//   - A change made before a Sync is in its answer. Sync writes a cookie file and
//     waits until the event loop has digested the cookie's event; all events of a
//     process come through one queue, in order. A timeout, a lost event, a changed
//     mount: everything is looked at with stat. It never answers "clean" by default.
//   - Events alone are believed only for a regular file with one link, on a local file
//     system, if all components of its path (symbolic links too) are entries of watched
//     folders. All else is stat'ed by each Sync: other kinds of files, hard links, files
//     that something is mounted on, network and overlay file systems, folders that could
//     not be watched. Folders of the system (/usr/include) are watched like the project's:
//     there are few, and a watch costs a kilobyte of the kernel's memory.
//   - Some changes make no event there: a write through a mapping, a hard link that is
//     made and written to in an unwatched folder. So each Sync also looks at 256 files
//     that this user can write, outside of /usr, inputs before outputs, the most
//     recently changed first. A change of any other file is found by a background audit
//     that looks at everything, and by verify = "stat", which does so in each Sync.
//   - A new folder is watched first, then scanned, and the scan ends before the next
//     event is read.
//   - A node is clean exactly while every input and output has the recorded
//     signature, every missed name is missing, every listed folder lists the same,
//     and the record was settled. Where a record says that only the content of an input
//     matters, another signature with the recorded content will do: a Sync reads the
//     file once its last change is a tick old. Nothing is remembered of a change that
//     was undone without a trace.
//   - ignored_patterns, our own outputs and hidden files only keep FilesChanged
//     events from being published; they never make an answer.
//   - A state file that is damaged, of another version or of another project is an
//     empty graph with a new token.
//
// The parts: graph.go knows nodes and what each expects of files, dirs.go the
// folders that those expectations are about, scan.go looks at them, contents.go reads
// files where signatures differ, recent.go chooses files that each Sync looks at besides,
// watch_tree.go keeps watches on every folder that a recorded path leads through, watch.go
// turns events into looks, state.go keeps the graph over restarts.
//
// Linux is where events are trusted. Elsewhere there is no cookie that orders them,
// so every Sync stats, and changes are found by polling every watch_interval.
package discovery

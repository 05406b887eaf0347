// Package daemons is what the four daemons of a project share: where their files
// are, and their life from start to exit. It knows nothing of
// what a daemon does; that comes in as an [ipc.Handlers].
//
// What it promises:
//
//   - One set of daemons per project, however many commands start it at the same
//     moment. A daemon lives while it holds the lock on
//     .replibuild/state/NAME.lock; a number in a file never counts as alive.
//   - Nothing is sent to a process that is not ours: a signal goes through a pidfd
//     whose start time and boot were compared with what the daemon wrote.
//   - Every file but the project's locks may be deleted while the daemons run: they
//     notice within three seconds and write it again. A daemon whose lock file was
//     deleted makes a new one, or leaves if another daemon was faster.
//   - A daemon holds nothing of the shell that started it: no descriptor, no
//     terminal, no working directory, no environment.
//   - Nothing beneath ~/.replibuild can be read by others.
//   - Everything that waits takes a context and has a limit of its own. The state of
//     a set with hung daemons is known within 1.5 s.
//
// A [Launcher] starts, stops and watches daemons from outside; [Run] is the shell
// around one service inside. Linux is where all of it works; macOS lacks start
// times of processes, Windows cannot start daemons and says so.
package daemons

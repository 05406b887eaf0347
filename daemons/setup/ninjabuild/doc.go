// Package ninjabuild does what the program ninja does, with the same files: it builds by
// build.ninja, .ninja_log and .ninja_deps, and has ninja's flags, tools, messages and exit
// codes. A build folder can be left to ninja at any time and taken back.
//
// [Main] is the program. Commands are run by a [Runner]; the one here starts a shell for
// each. What has to be built is decided as ninja does it: by the times of files, the hash
// of the command in the log, and the inputs that compilers named in the last build
// (scan.go). The order of work is that of ninja 1.13: the longest chain of commands first
// (plan.go). [Recognise] says which commands a compilation service can run in place of a
// shell. The package itself starts no daemon and leaves no state but ninja's own.
//
// The process's working folder, environment and signal handling stay as they are: folder
// and environment are values, and an interrupt is the end of the context.
package ninjabuild

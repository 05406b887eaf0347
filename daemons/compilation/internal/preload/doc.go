// Package preload puts a small shared object, written in C and embedded here, in front
// of a compiler or linker by LD_PRELOAD. It has two abilities.
//
// The tracer records every path that a process, and everything that it starts, opened,
// listed, asked about, looked for in vain or wrote. A [Trace] is one recording: its
// variable goes into the environment of the process ([Library.Env]), and when the
// process has ended a [Reader] makes an [Observation] of it. An observation that is not
// Complete must not be relied on, and says why: a program that cannot be seen (setuid, of
// another machine) took part, ptrace was refused, or the recording overflowed. Static
// programs and programs in Go are started by the second observer (csrc/observer), which sees
// their system calls by ptrace and writes the same records. The tracer also records which
// variables of the environment a program asked for, and hides its own. Not recorded is what the dynamic loader and the C library open on their own account: the
// libraries a program is linked with, locales, character conversions. They belong to
// the identity of the toolchain.
//
// The resident keeps a program in memory after dynamic linking and static
// initialisation: each [Resident.Run] forks it, and the child becomes the process that
// was asked for, with working folder, environment, descriptors, umask and limits of its
// own. Not its own are the variables that the loader and malloc read at the start of a
// process; a request that wants others is refused with [ErrUnsuitable]. A [Residents]
// keeps one for each program, and replaces it when it dies or the program's files
// change.
//
// Both need Linux. Elsewhere, and where no C compiler makes the object, [Build] returns
// an error that says so, and the caller uses depfiles and plain processes.
package preload

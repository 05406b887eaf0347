// Package includes finds which file includes which among the files that a unit read.
//
// No build records this: a build needs only what was read. When somebody asks, it is
// worked out from the #include lines of those files. No compiler runs, so an answer takes
// some milliseconds, also for a unit that does not compile. An include leads to a file
// that was read, or nowhere.
//
// Two things are not exact. An include in a branch that was not taken counts if its file
// was read another way. An include that is made by a macro is guessed.
package includes

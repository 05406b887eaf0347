package preload

import "io/fs"

// Builder makes the shared object for executables, once each: the results are kept in a
// folder under a hash of everything they depend on. What the program brings along is taken
// first, if it works.
type Builder struct {
	Dir string   // where the objects are kept; made with mode 0700 if need be
	Env []string // of the compiler that is run; its PATH is searched for cc, gcc and clang
	// Compilers are tried after those, by path. A cross compiler makes objects for
	// another machine than its own, which is noticed.
	Compilers []string

	brought fs.FS // what the program brings along; nil stands for what was embedded
}

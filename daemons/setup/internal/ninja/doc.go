// Package ninja reads build.ninja: the whole language of ninja 1.13, as plain data.
//
// [Load] reads a manifest and all that it includes, and returns a [Graph] of nodes (files)
// and edges (commands). Variables of rules are evaluated when they are asked for, because
// most of them never are. Mistakes are reported in ninja's own words, with file, line and a
// caret. [Graph.LoadDyndep] adds what a dyndep file says to a graph that is loaded.
//
// The package opens no file and runs no command: the caller says how a file is read. What
// ninja remembers of a build is in the packages buildlog and depslog, the files that
// compilers write in depfile.
package ninja

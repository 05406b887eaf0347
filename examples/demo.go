// Package examples holds the C++ project that `replibuild demo` builds, as files
// inside the program, so that the demonstration needs nothing but a compiler.
//
// What it promises: [Demo] holds a complete project in the folder "demo" (a library,
// a program, zlib by pkg-config) that builds from its replibuild.toml alone; its
// program runs without input and prints a few lines; replacing [EditOld] with
// [EditNew] in [EditFile] is an edit of one file that changes what it prints.
//
// The other folders here are no Go packages: real projects with the replibuild.toml
// written for each (leveldb, fmt, yaml-cpp), and integration, which shows how an
// editor and a Makefile use the program. Their tests are in this package.
package examples

import "embed"

// Demo holds the project in its folder "demo".
//
//go:embed demo
var Demo embed.FS

// The edit that shows an incremental build: replacing EditOld, which occurs once,
// with EditNew in EditFile (relative to the project, forward slashes) makes the
// program compress at zlib's best level instead of its fastest.
const (
	EditFile = "src/codec.cpp"
	EditOld  = "level = 1;"
	EditNew  = "level = 9;"
)

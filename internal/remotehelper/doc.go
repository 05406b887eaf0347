// Package remotehelper is the program replibuild-remote: it speaks to one remote cache, or to
// one server that executes commands, for a build that asks it over a pipe (package remotewire). gRPC and its generated code are in
// this program only, so that replibuild itself starts as fast, and is as small, as without.
//
// The program keeps no state but its connection. It never waits for a server longer than the
// request says, it gives a blob its name only after size and SHA-256 were checked, and it
// ends when its input ends.
package remotehelper

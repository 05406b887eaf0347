// Command bench compares RepliBuild with ninja, ninja behind ccache, make, and its
// own services in one process, on real projects and on generated ones.
//
// What it promises: all tools build copies of the same sources with the same
// compiler, flags and linker (build.ninja and the Makefile are written from
// RepliBuild's own plan); they run in turn, not one after the other, so that a busy
// moment of the machine meets all of them; medians are printed with the smallest
// and largest sample; a row that falls short of its goal is printed like any other.
// A build that does not do what its row says (compiles nothing, compiles too much)
// is an error, never a fast time.
//
//	go run ./bench -list                       what can be measured
//	go run ./bench -only nothing -projects gen40
//	go run ./bench -real DIR -out bench/RESULTS.md
//	go run ./bench -generate DIR -units 1000 -headers 200
package main

// Package oracle holds the differential test of the whole program: random projects,
// random changes to them, and after each change a build by RepliBuild beside one from
// scratch by the plain compiler. Every object and every linked output must have the
// same bytes, what fails must fail in both, and nothing may be compiled of which the
// test knows that it was compiled before.
//
// `go test ./oracle` makes 60 steps. `make oracle STEPS=20000 SEED=1` makes as many as
// wanted; a project is made from its seed alone, so that the seed that a failure
// prints makes the same project and the same steps again.
package oracle

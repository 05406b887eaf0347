// Package oracle holds the differential test of the whole program: random projects,
// random changes to them, and after each change a build by RepliBuild beside one from
// scratch by the plain compiler. Every object and every linked output must have the
// same bytes, what fails must fail in both, and nothing may be compiled of which the
// test knows that it was compiled before.
//
// `go test ./oracle` makes 60 steps. `make oracle STEPS=20000 SEED=1` makes as many as
// wanted; a project is made from its seed alone, so that the seed that a failure
// prints makes the same project and the same steps again.
//
// Beside the changes that every project sees there are kinds of trouble, one to a file
// kind_NAME_linux_test.go: wrappers around compilers, copied and moved projects, files
// put into place during a compile, the clock, coarse file systems, odd paths and names,
// changes without an event, the shell that builds, killed daemons, files of the
// assembler and of editors, plans that lose what they had, trees that
// share a store or a server. A seed draws two of them.
// ORACLE_ONLY has projects with some kinds and more of their turns:
// ORACLE_ONLY=wrappers,clock, or ORACLE_ONLY=clock/pasted for one turn.
// Trees that share a server need ORACLE_REMOTE, the path of replibuild-remote; `make oracle` sets it.
//
// TestGraphs does the same for random graphs (graph_linux_test.go): tools that the project
// builds and runs, steps of several outputs that read what nobody declared, variables of the
// environment, files beside objects. There the whole build folder is compared.
// `make oracle-graphs STEPS=3000 SEED=1` makes as many steps as wanted.
//
// TestManifests makes random build.ninja files instead, and builds two trees, one by `replibuild
// ninja` and one by ninja (manifest_linux_test.go): what the two leave and say must be equal, or,
// after changes that ninja does not look at, what ninja makes from nothing. Real ninja takes turns
// with us in our tree, and commands kill and interrupt the build.
// `make oracle-manifests STEPS=3000 SEED=1` makes as many steps as wanted; ORACLE_NINJA names
// another ninja than that of PATH. One of 1.13 compares most.
//
// TestLaunches makes random commands of compilers and random changes to what they read
// (launches_linux_test.go). Each command runs behind the thin client and then by the compiler alone:
// files, modes, output and exit codes must be equal, and what was stored must be found again.
// `make oracle-launches STEPS=3000 SEED=1` makes as many steps as wanted.
//
// holes_linux_test.go says what each kind found before it was mended, and what it finds
// when its mend is taken out, with seed and steps. To repeat that, take the mend out and
// run its row by `ORACLE_HOLES=all go test ./oracle -run TestHoles`.
package oracle

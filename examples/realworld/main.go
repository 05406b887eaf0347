// Command realworld builds real projects, as Debian's source packages have them, once with their
// own tool and once with RepliBuild, and compares all files that come out. `make real-world` runs
// it.
//
// For a project of CMake or Meson: the sources are configured once and copied. In one copy ninja
// builds, before and after an edit of a source. In the other one `replibuild ninja` builds first,
// then with nothing to do, with its outputs deleted, with a header that has a new time, and after
// the same edit; then ninja has a look, takes the edit back, and RepliBuild has a look. Both then
// build with an edited header and with another flag, and clean; RepliBuild also takes each of these
// back, which must compile nothing. Both copies lie
// at the same path while they are built, because objects name their folder. A file that differs
// is made a second time by ninja: what differs then too proves nothing. At the end the tests of
// the project run.
//
// For a project of make: make builds in one copy; in the other one make with the launcher's links
// first in PATH, then the same after `make clean`, and then `replibuild compile` with
// system = "make" after another `make clean`. Each compile that is not a hit the second time is
// listed with its reason.
//
// The exit code is 1 if anything was not as it should be, and 2 if a project could not be built
// at all.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// run is one run of the program.
type run struct {
	replibuild string   // the program under test
	sources    string   // what fetch.sh filled
	work       string   // where projects are built
	jobs       string   // "-j2"
	targets    []string // what ninja builds; nil = its defaults
	keep       bool
	env        []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(start(ctx))
}

func start(ctx context.Context) int {
	var r run
	var names, compilers, targets string
	flag.StringVar(&r.replibuild, "replibuild", "bin/replibuild", "the `program` to test")
	flag.StringVar(&r.sources, "sources", "", "the `folder` of sources, one folder a project")
	flag.StringVar(&r.work, "work", "", "the `folder` to build in; default: a temporary one")
	flag.StringVar(&names, "projects", "", "comma-separated `names`; default: all")
	flag.StringVar(&compilers, "compilers", "gcc", "comma-separated: gcc, clang-19, …")
	flag.StringVar(&r.jobs, "jobs", "2", "how many commands at the same `time`")
	flag.StringVar(&targets, "targets", "", "comma-separated `targets` of ninja; default: its own")
	flag.BoolVar(&r.keep, "keep", false, "leave the trees")
	list := flag.Bool("list", false, "print FOLDER:PACKAGE of each project, for fetch.sh")
	flag.Parse()
	chosen := projects
	if names != "" {
		chosen = slices.DeleteFunc(slices.Clone(projects), func(p project) bool {
			return !slices.Contains(strings.Split(names, ","), p.name)
		})
	}
	if *list {
		for _, p := range chosen {
			fmt.Printf("%s:%s\n", p.folder(), p.pkg)
		}
		return 0
	}
	if targets != "" {
		r.targets = strings.Split(targets, ",")
	}
	if err := r.prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "realworld:", err)
		return 2
	}
	code := 0
	fmt.Println(tableHead)
	for _, p := range chosen {
		for _, compiler := range strings.Split(compilers, ",") {
			code = max(code, r.one(ctx, p, compiler))
		}
	}
	if !r.keep {
		_ = os.RemoveAll(r.work)
	}
	return code
}

// prepare makes paths absolute and the environment of all builds.
func (r *run) prepare() (err error) {
	if r.work == "" {
		if r.work, err = os.MkdirTemp("", "realworld-"); err != nil {
			return err
		}
	}
	for _, path := range []*string{&r.replibuild, &r.sources, &r.work} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	r.jobs = "-j" + r.jobs
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); name != "CI" && name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" {
			r.env = append(r.env, kv)
		}
	}
	r.env = append(r.env, "SOURCE_DATE_EPOCH=1700000000", "LC_ALL=C.UTF-8")
	return nil
}

// one builds a project with a compiler and prints its row.
func (r *run) one(ctx context.Context, p project, compiler string) int {
	t := &trial{run: r, project: p, compiler: compiler, dir: filepath.Join(r.work, p.name+"-"+compiler)}
	t.env = append(slices.Clone(r.env), t.home(), "CC="+compiler, "CXX="+cxx(compiler))
	build := t.byNinja
	if p.system == "make" {
		build = t.byMake
	}
	err := build(ctx)
	t.stopDaemons()
	t.print(err)
	if !r.keep {
		_ = os.RemoveAll(t.dir)
	}
	switch {
	case err != nil:
		return 2
	case len(t.faults) > 0:
		return 1
	}
	return 0
}

// cxx is the C++ compiler that belongs to one for C: g++ to gcc, clang++-19 to clang-19.
func cxx(cc string) string {
	if name, version, ok := strings.Cut(cc, "-"); ok {
		return cxx(name) + "-" + version
	}
	if cc == "gcc" {
		return "g++"
	}
	return cc + "++"
}

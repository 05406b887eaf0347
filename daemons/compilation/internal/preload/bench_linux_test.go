package preload

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCompile says what the tracer costs: each round compiles a unit plainly and
// traced, in changing order, and the median of the rounds' ratios is what other load and
// the clock of the processor disturb least. With REPLIBUILD_REAL a unit of LevelDB and
// one of yaml-cpp are among them. Run it with -benchtime 100x.
func BenchmarkCompile(b *testing.B) {
	std := "#include <" + strings.Join([]string{"vector", "string", "map", "unordered_map", "memory", "iostream", "algorithm",
		"functional", "sstream"}, ">\n#include <") + ">\nint main() { std::map<std::string, int> m; m[\"a\"] = 1; std::cout << m.size(); }\n"
	dir := write(b, "empty.cpp", "", "std.cpp", std, "gen/port/port_config.h", "#define HAVE_FDATASYNC 1\n#define HAVE_O_CLOEXEC 1\n")
	units := []struct{ name, args string }{
		{"empty-O0", "-O0 -c empty.cpp"}, {"std-O0", "-O0 -c std.cpp"}, {"std-O2", "-O2 -c std.cpp"},
	}
	if real := os.Getenv("REPLIBUILD_REAL"); real != "" {
		ldb, yaml := filepath.Join(real, "leveldb"), filepath.Join(real, "yaml-cpp")
		units = append(units, struct{ name, args string }{"leveldb-O2",
			"-O2 -std=c++11 -DLEVELDB_PLATFORM_POSIX=1 -I" + ldb + "/include -I" + ldb + " -Igen -c " + ldb + "/db/db_impl.cc"},
			struct{ name, args string }{"yaml-cpp-O2", "-O2 -std=c++11 -I" + yaml + "/include -I" + yaml + "/src -c " + yaml + "/src/singledocparser.cpp"})
	}
	for _, name := range []string{"clang++-19", "g++"} {
		for _, unit := range units {
			b.Run(name+"/"+unit.name, func(b *testing.B) {
				exe := program(b, name)
				benchmarkTraced(b, dir, libraryFor(b, exe), append([]string{exe, "-o", "unit.o"}, strings.Fields(unit.args)...))
			})
		}
	}
}

// cost is what a process took with its children: user and system time, and the time
// that passed, in ms.
type cost struct{ cpu, wall float64 }

func benchmarkTraced(b *testing.B, dir string, lib Library, args []string) {
	var plain, traced, cpu, wall []float64
	for round := 0; b.Loop(); round++ {
		var p, t cost
		for _, tracing := range []bool{round%2 == 0, round%2 != 0} {
			if tracing {
				trace, err := NewTrace()
				if err != nil {
					b.Fatal(err)
				}
				t = costOf(b, dir, args, lib.Env(testEnv(), trace))
				trace.Close()
			} else {
				p = costOf(b, dir, args, testEnv())
			}
		}
		plain, traced = append(plain, p.cpu), append(traced, t.cpu)
		cpu, wall = append(cpu, 100*(t.cpu/p.cpu-1)), append(wall, 100*(t.wall/p.wall-1))
	}
	b.ReportMetric(median(plain), "plain-cpu-ms")
	b.ReportMetric(median(traced), "traced-cpu-ms")
	b.ReportMetric(100*(median(traced)/median(plain)-1), "cpu-of-medians-%")
	b.ReportMetric(median(cpu), "cpu-%")
	b.ReportMetric(median(wall), "wall-%")
}

func costOf(b *testing.B, dir string, args, env []string) cost {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, env
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begin)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	return cost{ms(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()), ms(took)}
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

func benchmarkTrace(b *testing.B) *Trace {
	trace, err := NewTrace()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { trace.Close() })
	return trace
}

// BenchmarkObserve reads a trace as a unit with many headers leaves it.
func BenchmarkObserve(b *testing.B) {
	dir := write(b, "std.cpp", "#include <regex>\n#include <iostream>\n")
	exe := program(b, "g++")
	trace := benchmarkTrace(b)
	if out, err := run(b.Context(), buildLimit, libraryFor(b, exe).Env(testEnv(), trace), dir, exe, "-fsyntax-only", "std.cpp"); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	r := NewReader(dir)
	var o Observation
	for b.Loop() {
		o = r.Observe(trace, nil, nil)
	}
	b.ReportMetric(float64(len(o.Read)), "read")
	b.ReportMetric(float64(len(o.Missed)), "missed")
}

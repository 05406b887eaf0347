package preload

import (
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkCompile compares a plain process, a traced one and a resident's by the
// processor time that the compile took (cpu-ms/op), which other load disturbs less than
// the time it took. Run it with -benchtime 20x -count 5 and compare the smallest.
func BenchmarkCompile(b *testing.B) {
	std := "#include <" + strings.Join([]string{"vector", "string", "map", "unordered_map", "memory", "iostream", "algorithm",
		"functional", "sstream"}, ">\n#include <") + ">\nint main() { std::map<std::string, int> m; m[\"a\"] = 1; std::cout << m.size(); }\n"
	dir := write(b, "empty.cpp", "", "std.cpp", std)
	exe := program(b, "clang++-19")
	r, lib := theResident(b, exe)
	for _, unit := range []string{"empty", "std"} {
		args := []string{exe, "-O0", "-c", unit + ".cpp", "-o", unit + ".o"}
		b.Run(unit+"/plain", func(b *testing.B) { benchmarkPlain(b, dir, args, testEnv()) })
		b.Run(unit+"/traced", func(b *testing.B) {
			trace := benchmarkTrace(b)
			benchmarkPlain(b, dir, args, lib.Env(testEnv(), trace))
		})
		b.Run(unit+"/warm", func(b *testing.B) {
			trace := benchmarkTrace(b)
			cpu := 0.0
			for b.Loop() {
				res, err := r.Run(b.Context(), Request{Args: args, Dir: dir, Env: lib.Env(testEnv(), trace)})
				if err != nil || res.Exit != 0 {
					b.Fatalf("%+v, %v", res, err)
				}
				cpu += res.CPU.Seconds()
			}
			b.ReportMetric(cpu*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

func benchmarkTrace(b *testing.B) *Trace {
	trace, err := NewTrace()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { trace.Close() })
	return trace
}

func benchmarkPlain(b *testing.B, dir string, args, env []string) {
	cpu := 0.0
	for b.Loop() {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	b.ReportMetric(cpu*1e3/float64(b.N), "cpu-ms/op")
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
		o = r.Observe(trace, nil)
	}
	b.ReportMetric(float64(len(o.Read)), "read")
	b.ReportMetric(float64(len(o.Missed)), "missed")
}

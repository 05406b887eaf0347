package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/ipc"
)

// BenchmarkRemoteUnits builds a project of 1,000 units with the headers of the C library, all of
// which a server has, at 20 ms a call. It reports the seconds of a build in an empty tree, the
// processor time of that, the calls of a unit, and how many units were compiled because the server
// did not help in time, with the default time-out. The goal is 2 s, and none.
func BenchmarkRemoteUnits(b *testing.B) {
	const units, roundTrip = 1000, 20 * time.Millisecond
	s := remotefake.Start(b, remotefake.Options{Before: func(ctx context.Context, _ string) error {
		select {
		case <-time.After(roundTrip):
		case <-ctx.Done():
		}
		return nil
	}})
	files := with(s.GRPC)
	for i := range units {
		files[fmt.Sprintf("src/unit%d.c", i)] = fmt.Sprintf("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint unit%d(void) { return puts(\"%d\"); }\n", i, i)
	}
	uploader(b, s.GRPC, files)
	files["replibuild.toml"] = strings.Replace(files["replibuild.toml"], "timeout = 30000\n", "", 1)
	dev := reader(b, s.GRPC, files)
	dev.compile() // starts no compiler, but makes the tracer and asks for the toolchain
	for b.Loop() {
		dev.forget()
		cpu, before := dev.cpu, s.Calls("GetActionResult")+s.Calls("BatchReadBlobs")+s.Calls("Read")
		r := dev.compile()
		here := 0
		for _, tier := range r.tiers {
			if tier != ipc.TierRemote {
				here++
			}
		}
		if here > 10*units || r.exit != 0 {
			b.Fatal(r.text)
		}
		b.ReportMetric(float64(here), "compiled/build")
		b.ReportMetric(r.seconds, "s/build")
		b.ReportMetric((dev.cpu - cpu).Seconds(), "cpu-s/build")
		b.ReportMetric(float64(s.Calls("GetActionResult")+s.Calls("BatchReadBlobs")+s.Calls("Read")-before)/units, "calls/unit")
	}
}

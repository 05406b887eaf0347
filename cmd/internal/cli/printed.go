package cli

import (
	"bytes"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// printedBuild is a [replibuild.BuildPrinter] that prints what a build in this process would.
func printedBuild(env []string, verbose bool, events []ipc.Event, result replibuild.Result) []byte {
	var out bytes.Buffer
	a := &app{Caller: Caller{Env: env, Stdout: &stream{out: &out}}}
	r := a.newReporter(verbose)
	for _, e := range events {
		r.event(e)
	}
	r.done(result, nil, false)
	return out.Bytes()
}

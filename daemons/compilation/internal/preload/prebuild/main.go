// Command prebuild builds the tracer for this machine into the folder that it names, from
// which the program embeds it. Without a C compiler, or on another system than Linux, it says
// so and leaves the folder as it is: the program then builds the tracer where it runs.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: prebuild FOLDER")
		os.Exit(2)
	}
	if err := preload.Prebuild(context.Background(), os.Args[1], os.Environ()); err != nil {
		fmt.Fprintf(os.Stderr, "the program is built without a tracer, and builds it where it runs: %v\n", err)
	}
}

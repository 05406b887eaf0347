// Command replibuild-remote speaks to a remote cache for a build. RepliBuild starts it and
// asks it over standard input and output; it is of no use on its own.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/RepliBuild/replibuild/internal/remotehelper"
)

// version is that of the release; the Makefile sets it.
var version = "devel"

func main() {
	if len(os.Args) > 1 {
		fmt.Printf("replibuild-remote %s: RepliBuild starts this program when a remote cache is configured\n", version)
		return
	}
	if err := remotehelper.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "replibuild-remote:", err)
		os.Exit(1)
	}
}

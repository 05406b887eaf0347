// Command replibuild builds C++ projects and keeps the daemons that make every
// build after the first nearly free. `replibuild help` lists its commands.
package main

import (
	"os"

	"github.com/RepliBuild/replibuild/cmd/internal/cli"
)

// version is set by the linker (-X main.version=…).
var version = "devel"

func main() {
	os.Exit(cli.Main(cli.Caller{
		Name: os.Args[0], Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	}))
}

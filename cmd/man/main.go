// Command man writes the manual pages into a folder, one a command: `make install` runs
// it. It is not a command of replibuild, because the code that makes the pages would cost
// each start of replibuild a millisecond.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/RepliBuild/replibuild/cmd/internal/cli"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: man VERSION DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(version, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cli.Tree(version)
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Title: "REPLIBUILD", Section: "1", Source: "RepliBuild " + version}, dir)
}

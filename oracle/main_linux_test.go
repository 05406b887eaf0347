package oracle

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/RepliBuild/replibuild"
)

// TestMain makes the test binary the program that the launcher starts as
// `… daemon NAME --project ROOT`: the race detector watches the daemons too. It is
// also the command that a caller's shell runs; see runCommand.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "daemon" && os.Args[3] == "--project" {
		if err := replibuild.RunDaemon(context.Background(), os.Args[2], os.Args[4], nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && (os.Args[1] == "build" || os.Args[1] == "start") {
		if err := runCommand(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	linkRemoteProgram()
	os.Exit(m.Run())
}

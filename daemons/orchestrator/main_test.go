package orchestrator

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes property tests short; -rapid.checks=N on the command line wins.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "40")
	os.Exit(m.Run())
}

// Package config is .replibuild/daemon_config.toml: its keys with their meaning and
// defaults, and the mistakes in a file.
package config

import (
	"errors"
	"io/fs"
	"os"

	"github.com/RepliBuild/replibuild/ipc"
)

// Config is .replibuild/daemon_config.toml, defaults filled in, in the units of the
// file. [Settings] names every key with what it means.
type Config struct {
	Daemons  Daemons
	Security Security
}

// Daemons is the table [daemons].
type Daemons struct {
	EnableDiscovery    bool
	EnableSetup        bool
	EnableCompilation  bool
	EnableOrchestrator bool
	AutoStart          bool // commands start the set when they need it
	IdleTimeout        int  // seconds without a request before a daemon exits; 0 = never

	Discovery    Discovery
	Setup        Setup
	Compilation  Compilation
	Orchestrator Orchestrator
}

// Discovery is the table [daemons.discovery].
type Discovery struct {
	Port            int // 0 = chosen, 9001 if it is free
	WatchInterval   int // ms
	IgnoredPatterns []string
	Verify          string // VerifyWatch or VerifyStat
}

// Setup is the table [daemons.setup].
type Setup struct {
	Port int // 0 = chosen, 9002 if it is free
}

// Compilation is the table [daemons.compilation].
type Compilation struct {
	Port            int // 0 = chosen, 9003 if it is free
	MaxCacheSize    int // MB
	CacheTTL        int // seconds
	ParallelJobs    int // 0 = by cores and memory
	Warm            bool
	Preamble        string // PreambleAuto, PreambleExact or PreambleOff
	MaxPreambleSize int    // MB
	MaxMemory       int    // MB, 0 = what is available
}

// Orchestrator is the table [daemons.orchestrator].
type Orchestrator struct {
	Port      int // 0 = chosen, 9004 if it is free
	QueueSize int
	Timeout   int // seconds, 0 = none
	AutoBuild bool
}

// Security is the table [security].
type Security struct {
	RequireToken bool
}

// Values of [daemons.discovery] verify and [daemons.compilation] preamble.
const (
	VerifyWatch   = "watch"
	VerifyStat    = "stat"
	PreambleAuto  = "auto"
	PreambleExact = "exact"
	PreambleOff   = "off"
)

// Default is what a missing or empty file means.
func Default() Config {
	var c Config
	for _, s := range c.settings() {
		s.reset()
	}
	return c
}

// Load reads the file at path; a missing one means the defaults. All mistakes
// of the file come at once, as the Problems of one [ipc.Error] with CodeConfig.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // the problem has the path
		}
		return Config{}, failure(path, []ipc.Problem{{File: path, Message: "cannot be read: " + err.Error()}})
	}
	c, problems := parse(path, string(data))
	if len(problems) > 0 {
		return Config{}, failure(path, problems)
	}
	return c, nil
}

func failure(path string, problems []ipc.Problem) error {
	e := ipc.Errorf(ipc.CodeConfig, "%s", problems[0])
	if n := len(problems); n > 1 {
		e = ipc.Errorf(ipc.CodeConfig, "%s has %d mistakes, the first: %s", path, n, problems[0])
	}
	e = e.WithHint("correct the file, `replibuild config check` looks at it again")
	e.Problems = problems
	return e
}

// Enabled reports whether the daemon may run; false for a name of no daemon.
func (c Config) Enabled(name string) bool {
	switch name {
	case ipc.NameDiscovery:
		return c.Daemons.EnableDiscovery
	case ipc.NameSetup:
		return c.Daemons.EnableSetup
	case ipc.NameCompilation:
		return c.Daemons.EnableCompilation
	case ipc.NameOrchestrator:
		return c.Daemons.EnableOrchestrator
	}
	return false
}

// Port returns the port that the configuration demands for a daemon, 0 for none.
func (c Config) Port(name string) int {
	switch name {
	case ipc.NameDiscovery:
		return c.Daemons.Discovery.Port
	case ipc.NameSetup:
		return c.Daemons.Setup.Port
	case ipc.NameCompilation:
		return c.Daemons.Compilation.Port
	case ipc.NameOrchestrator:
		return c.Daemons.Orchestrator.Port
	}
	return 0
}

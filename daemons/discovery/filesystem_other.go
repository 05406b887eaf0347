//go:build !linux

package discovery

// traits is what matters of the file system that a folder is on. Nothing is known
// of it here, so nothing is trusted.
type traits struct {
	local    bool
	layered  bool
	caseless bool
	kind     int64
}

func traitsOf(string) traits { return traits{caseless: true} }

func exhausted(error) bool { return false }

func watchLimits() string { return "unknown" }

package ninja

import (
	"strconv"
	"strings"
)

// checkVersion compares our version with the one that the manifest asks for.
func (p *parser) checkVersion(required string) error {
	major, minor := majorMinor(p.opts.Version)
	wantMajor, wantMinor := majorMinor(required)
	switch {
	case major > wantMajor:
		p.opts.Warn("ninja executable version (" + p.opts.Version +
			") greater than build file ninja_required_version (" + required + "); versions may be incompatible.")
	case major < wantMajor, minor < wantMinor:
		return FatalError("ninja version (" + p.opts.Version +
			") incompatible with build file ninja_required_version version (" + required + ").")
	}
	return nil
}

func majorMinor(version string) (major, minor int) {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	return number(first), number(second)
}

// number is 0 for a text that is no number.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return leadingNumber(s)
	}
	return n
}

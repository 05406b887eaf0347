//go:build !linux

package setup

import (
	"regexp"
	"runtime"
)

// currentSystem is this system's name among [systemNames].
const currentSystem = runtime.GOOS

// otherSystemMacro matches conditions that are false here.
var otherSystemMacro = regexp.MustCompile(`^(defined\s*\(?\s*)?(__linux__|__ANDROID__)\b[^|]*$`)

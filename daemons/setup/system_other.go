//go:build !linux

package setup

import (
	"runtime"
)

// currentSystem is this system's name among [systemNames].
const currentSystem = runtime.GOOS

// otherSystemMacro matches conditions that are false here.
var otherSystemMacro = lazily(`^(defined\s*\(?\s*)?(__linux__|__ANDROID__)\b[^|]*$`)

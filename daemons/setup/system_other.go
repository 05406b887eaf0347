//go:build !linux

package setup

import (
	"runtime"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// currentSystem is this system's name among [systemNames].
const currentSystem = runtime.GOOS

// otherSystemMacro matches conditions that are false here.
var otherSystemMacro = lazyregexp.New(`^(defined\s*\(?\s*)?(__linux__|__ANDROID__)\b[^|]*$`)

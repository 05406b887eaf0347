package setup

import "github.com/RepliBuild/replibuild/internal/lazyregexp"

// currentSystem is this system's name among [systemNames].
const currentSystem = "linux"

// otherSystemMacro matches conditions that are false here.
var otherSystemMacro = lazyregexp.New(`^(defined\s*\(?\s*)?(_WIN32|WIN32|_WIN64|_MSC_VER|__APPLE__|__ANDROID__|__MINGW32__)\b[^|]*$`)

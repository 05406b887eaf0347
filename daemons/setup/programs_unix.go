//go:build unix

package setup

import "github.com/RepliBuild/replibuild/ipc"

var executableSuffixes = []string{""}

// pathListSeparator stands between the folders of a variable like PATH.
const pathListSeparator = ":"

// executable reports whether some user may run the file.
func executable(sig ipc.Signature) bool { return sig.Mode&0o111 != 0 }

// devNull is an empty source file.
const devNull = "/dev/null"

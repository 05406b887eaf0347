//go:build !unix

package setup

import "github.com/RepliBuild/replibuild/ipc"

var executableSuffixes = []string{".exe", ".cmd", ".bat", ""}

// pathListSeparator stands between the folders of a variable like PATH.
const pathListSeparator = ";"

func executable(ipc.Signature) bool { return true }

// devNull is an empty source file.
const devNull = "NUL"

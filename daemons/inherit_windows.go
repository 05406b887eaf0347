package daemons

import "os"

// Windows hands over no descriptors but those that are named.
func closeOnExec(*os.File)    {}
func survivesExec(int) bool   { return false }
func closeDescriptor(int)     {}
func redirectOutput(*os.File) {}

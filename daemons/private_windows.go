package daemons

import "io/fs"

// On Windows privacy comes from the profile folder's own access list, which our
// folders inherit.
const openNoFollow = 0

func ownedByUs(fs.FileInfo) bool        { return true }
func mayWrite(string) bool              { return true }
func sharesWithOthers(fs.FileInfo) bool { return false }

//go:build !unix

package setup

// isNotDir reports whether a listing failed because the name is no folder; Windows
// says "not found" then.
func isNotDir(error) bool { return false }

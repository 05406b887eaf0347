//go:build !unix

package compilation

// lowerPriority does nothing here: a preamble is made only while nobody builds.
func lowerPriority(int) {}

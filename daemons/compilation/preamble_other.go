//go:build !unix

package compilation

// lowerPriority does nothing here: a preamble is made only while no build runs.
func lowerPriority(int) {}

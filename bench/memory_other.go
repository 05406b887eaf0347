//go:build !linux

package main

import "context"

// memory is measured through /proc, so on Linux only.
func memory(context.Context, *bench, string, []*tree) ([]line, error) {
	return []line{{note: "not measured on this system"}}, nil
}

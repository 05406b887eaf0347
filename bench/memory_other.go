//go:build !linux

package main

import (
	"context"
	"os"
)

// memory is measured through /proc, so on Linux only.
func memory(context.Context, *bench, string, []*tree) ([]line, error) {
	return []line{{note: "not measured on this system"}}, nil
}

func peakKB(*os.ProcessState) int { return 0 }

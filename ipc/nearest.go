package ipc

import (
	"slices"
	"strings"
)

// Nearest returns the name that differs from word by the fewest edits, at most a
// third of its length, or only by case; else "".
func Nearest(word string, names []string) string {
	names = slices.Sorted(slices.Values(names))
	best, distance := "", 1+max(1, min(len(word), 32)/3)
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := edits(word, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// edits counts what has to be inserted, deleted, replaced or swapped with its neighbour
// to make b of a (the optimal string alignment distance). Long words are no typing
// mistakes and count as far.
func edits(a, b string) int {
	if longest := max(len(a), len(b)); longest > 128 {
		return longest
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = last[j]
			if a[i] != b[j] {
				row[j+1] = 1 + min(last[j], last[j+1], row[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

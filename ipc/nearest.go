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

// edits is the Levenshtein distance between a and b; long words are no typing
// mistakes and count as far.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

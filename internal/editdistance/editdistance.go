// Package editdistance compares words and finds what a mistyped one was meant to be.
package editdistance

import (
	"slices"
	"strings"
)

// maxLength is the length in bytes up to which [WithSwaps] compares words. Peers of a
// daemon choose some of the words, and the time is the product of both lengths.
const maxLength = 128

// Nearest returns the name that differs from word by case only, or else by the fewest
// edits ([WithSwaps]), at most a third of the word's length and at least one; "" if there
// is none.
func Nearest(word string, names []string) string {
	names = slices.Sorted(slices.Values(names))
	best, least := "", 1+max(1, min(len(word), 32)/3)
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := WithSwaps(word, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// Levenshtein counts the bytes that have to be inserted, deleted or replaced to turn a
// into b.
func Levenshtein(a, b string) int { return edits(a, b, false) }

// WithSwaps is [Levenshtein] in which two neighbours that change places are one edit: the
// optimal string alignment distance. Words of more than 128 bytes are not compared: they
// count as different in every byte.
func WithSwaps(a, b string) int {
	if longest := max(len(a), len(b)); longest > maxLength {
		return longest
	}
	return edits(a, b, true)
}

func edits(a, b string, swaps bool) int {
	// Rows of the table of distances between beginnings of a and beginnings of b.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = last[j]
			if a[i] != b[j] {
				row[j+1] = 1 + min(last[j], last[j+1], row[j])
			}
			if swaps && i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

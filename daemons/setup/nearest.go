package setup

import "strings"

// nearest returns the name that was probably meant by a word that is none: one that
// differs by case only, else by the fewest typing mistakes, at most one in three
// letters. "" if there is none, or the word is too short to tell.
func nearest(word string, names []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := typos(word, name); len(word) > 2 && (d < least || d == least && best != "" && name < best) {
			best, least = name, d
		}
	}
	return best
}

// typos counts what has to be inserted, deleted, replaced or swapped with its
// neighbour to make b of a (the optimal string alignment distance). Long texts are no
// typing mistakes and count as far.
func typos(a, b string) int {
	if max(len(a), len(b)) > 128 {
		return max(len(a), len(b))
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

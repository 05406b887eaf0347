// Package logring keeps the last lines of several logs together and finds among
// them those that match a filter.
//
// What it promises: no more than [MaxLines] lines and [MaxBytes] of text are kept,
// the oldest go first; adding a line takes constant time; a new filter looks at old
// lines a slice at a time ([Ring.Scan]), newest first, so that a million lines never
// hold up a key.
package logring

import (
	"slices"
	"strings"
	"time"
)

// Bounds of a ring: a day of four chatty daemons.
const (
	MaxLines = 1_000_000
	MaxBytes = 96 << 20
)

// Level is how much a line matters.
type Level uint8

// The levels, from least to most.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// LevelOf reads slog's word for a level. What has none, like a panic's trace, is an
// error.
func LevelOf(word string) Level {
	switch {
	case strings.HasPrefix(word, "DEBUG"):
		return Debug
	case strings.HasPrefix(word, "INFO"):
		return Info
	case strings.HasPrefix(word, "WARN"):
		return Warn
	}
	return Error
}

// String is the level in five cells.
func (l Level) String() string { return [...]string{"DEBUG", "INFO ", "WARN ", "ERROR"}[l] }

// Line is a line of a log. Text is clean: it can be painted as it is.
type Line struct {
	Time   time.Time
	Source string // daemon, or "event"
	Level  Level
	Text   string
	Marked bool
}

// Filter chooses lines.
type Filter struct {
	Source string // "" = all
	Level  Level  // at least
	Text   string // case does not matter; words that all must be there, !word must not
}

// Ring is the lines. The zero value is not usable, see [New].
type Ring struct {
	blocks [][]Line // all but the last of blockLines lines
	base   uint64   // number of the first line of the first block
	first  uint64   // number of the oldest line kept; numbers never repeat
	next   uint64   // number that the next line will get
	bytes  int
	limit  int
	rev    uint64

	filter  Filter
	words   []string
	matches []uint64 // numbers, ascending, of matching lines from scanned on
	scanned uint64   // all lines from this number on have been looked at
}

// blockLines is how many lines come and go at a time in memory: to copy a million of
// them to a larger place holds up a key.
const blockLines = 4096

// New makes an empty ring of at most limit lines.
func New(limit int) *Ring { return &Ring{limit: limit} }

// Rev changes whenever something that can be seen does.
func (r *Ring) Rev() uint64 { return r.rev }

// Len is the number of lines kept.
func (r *Ring) Len() int { return int(r.next - r.first) }

// Next is the number that the next line will get.
func (r *Ring) Next() uint64 { return r.next }

// At is a line by its number; false if it is gone or not there yet.
func (r *Ring) At(n uint64) (*Line, bool) {
	if n < r.first || n >= r.next {
		return nil, false
	}
	at := n - r.base
	return &r.blocks[at/blockLines][at%blockLines], true
}

// Add appends a line.
func (r *Ring) Add(l Line) {
	for r.Len() > 0 && (r.Len() >= r.limit || r.bytes+len(l.Text) > MaxBytes) {
		r.drop()
	}
	last := len(r.blocks) - 1
	if last < 0 || len(r.blocks[last]) == blockLines {
		r.blocks = append(r.blocks, make([]Line, 0, blockLines))
		last++
	}
	r.blocks[last] = append(r.blocks[last], l)
	r.bytes += len(l.Text)
	if r.fits(&l) {
		r.matches = append(r.matches, r.next)
	}
	r.next++
	r.rev++
}

// drop removes the oldest line.
func (r *Ring) drop() {
	at := r.first - r.base
	l := &r.blocks[at/blockLines][at%blockLines]
	r.bytes -= len(l.Text)
	*l = Line{}
	r.first++
	if r.first-r.base == blockLines {
		r.blocks, r.base = slices.Delete(r.blocks, 0, 1), r.first
	}
	r.forget()
}

// forget removes the matches whose lines are no longer kept.
func (r *Ring) forget() {
	r.scanned = max(r.scanned, r.first)
	i := 0
	for i < len(r.matches) && r.matches[i] < r.first {
		i++
	}
	r.matches = r.matches[i:]
}

// Filter is the filter in force.
func (r *Ring) Filter() Filter { return r.filter }

// SetFilter chooses lines anew; [Ring.Scan] finds the old ones.
func (r *Ring) SetFilter(f Filter) {
	if f == r.filter {
		return
	}
	r.filter, r.words = f, strings.Fields(strings.ToLower(f.Text))
	r.matches, r.scanned = nil, r.Next()
	r.rev++
}

// All reports whether no line is left out.
func (r *Ring) All() bool { return r.filter == Filter{} }

// Scan looks at up to n lines more for the filter and reports whether there are
// still others.
func (r *Ring) Scan(n int) (more bool) {
	if r.scanned <= r.first {
		return false
	}
	from := r.first
	if r.scanned-r.first > uint64(n) {
		from = r.scanned - uint64(n)
	}
	var found []uint64
	for i := from; i < r.scanned; i++ {
		if l, ok := r.At(i); ok && r.fits(l) {
			found = append(found, i)
		}
	}
	if len(found) > 0 {
		r.matches = append(found, r.matches...)
		r.rev++
	}
	r.scanned = from
	return r.scanned > r.first
}

func (r *Ring) fits(l *Line) bool {
	if l.Level < r.filter.Level || r.filter.Source != "" && l.Source != r.filter.Source {
		return false
	}
	return Match(r.words, l.Source, l.Text)
}

// Match reports whether all words (lower case; !word = must not) are in the texts.
func Match(words []string, texts ...string) bool {
	for _, w := range words {
		not := len(w) > 1 && w[0] == '!'
		if not {
			w = w[1:]
		}
		found := false
		for _, t := range texts {
			found = found || ContainsFold(t, w)
		}
		if found == not {
			return false
		}
	}
	return true
}

// ContainsFold is strings.Contains without regard to the case of ASCII letters; w is
// in lower case.
func ContainsFold(s, w string) bool {
	if w == "" {
		return true
	}
	lo, up := w[0], w[0]
	if lo >= 'a' && lo <= 'z' {
		up = lo - 'a' + 'A'
	}
	for i := 0; i+len(w) <= len(s); i++ {
		if (s[i] == lo || s[i] == up) && equalFold(s[i:i+len(w)], w) {
			return true
		}
	}
	return false
}

func equalFold(s, w string) bool {
	for i := range len(w) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != w[i] {
			return false
		}
	}
	return true
}

// Matches is the number of lines found so far.
func (r *Ring) Matches() int { return len(r.matches) }

// Match returns the i-th line found, from the oldest, with its number.
func (r *Ring) Match(i int) (uint64, *Line) {
	if i < 0 || i >= len(r.matches) {
		return 0, nil
	}
	l, _ := r.At(r.matches[i])
	return r.matches[i], l
}

// Mark turns the mark of a line on or off.
func (r *Ring) Mark(n uint64) {
	if l, ok := r.At(n); ok {
		l.Marked = !l.Marked
		r.rev++
	}
}

// Each calls fn with every line found, oldest first.
func (r *Ring) Each(fn func(*Line)) {
	for _, n := range r.matches {
		if l, ok := r.At(n); ok {
			fn(l)
		}
	}
}

// Find returns the place among the matches of the line with that number, or of the
// next one after it.
func (r *Ring) Find(n uint64) int {
	i, _ := slices.BinarySearch(r.matches, n)
	return i
}

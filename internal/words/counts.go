package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Plural counts things: "1 unit", "3 units".
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Of counts a part of things with its verb: "1 of 40 units is", "3 of 40 units are".
func Of(n, all int, word string) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %s %s", n, Plural(all, word), verb)
}

// justNow is how long ago something is still "just now".
const justNow = 2 * time.Second

// Ago says how long ago something happened: "just now", "42 seconds ago".
func Ago(d time.Duration) string {
	if d < justNow {
		return "just now"
	}
	return Duration(d) + " ago"
}

// Duration is a duration in its largest unit: "42 seconds", "5 minutes", "1 hour".
func Duration(d time.Duration) string {
	units := []struct {
		size time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}}
	for _, u := range units {
		if n := int(d / u.size); n > 0 {
			return Plural(n, u.word)
		}
	}
	return Plural(int(d/time.Second), "second")
}

// Cleared says what emptying the cache removes: size is a readable number of bytes.
func Cleared(size string, objects int) string {
	if objects == 0 {
		return "the cache is empty already"
	}
	return size + ", " + Plural(objects, "object")
}

// Outcome counts how the units of a build ended: "1 failed, 2 compiled, 37 up to date",
// or "" if it came to none. hits is how many the cache delivered; nothing was done for
// the other cached ones.
func Outcome(n ipc.Counts, hits int) string {
	var parts []string
	for _, c := range Ends(n, hits) {
		if c.N > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.N, c.State))
		}
	}
	return strings.Join(parts, ", ")
}

// End is how many units ended in a state.
type End struct {
	N     int
	State string
}

// Ends are the parts of [Outcome], in its order, also those that are 0.
func Ends(n ipc.Counts, hits int) []End {
	return []End{
		{n.Failed, Failed}, {n.Compiled, Compiled}, {hits, Cached}, {n.Cached - hits, UpToDate}, {n.Skipped, Skipped},
	}
}

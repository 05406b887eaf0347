package setup

import (
	"strings"

	"github.com/RepliBuild/replibuild/internal/editdistance"
)

// nearest returns the name that was probably meant by a word that is none, "" if there is
// none. A word of one or two letters differs by case at most.
func nearest(word string, names []string) string {
	near := editdistance.Nearest(word, names)
	if len(word) <= 2 && !strings.EqualFold(near, word) {
		return ""
	}
	return near
}

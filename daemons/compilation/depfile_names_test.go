package compilation

import (
	"maps"
	"testing"
)

func TestWithBackslashes(t *testing.T) {
	t.Parallel()
	got := withBackslashes([]string{"a.h", `a\b.h`, `/x/c\\d e.h`, "x/y.h"})
	if want := map[string]string{"a/b.h": `a\b.h`, "/x/c//d e.h": `/x/c\\d e.h`}; !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

package setup

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMeets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, constraint string
		want                bool
	}{
		{"1.74", ">=1.70", true},
		{"1.74", "1.70", true},
		{"1.8", ">=1.70", false},
		{"1.70", ">=1.70.0", true},
		{"1.2.13", ">=1.2,<2", true},
		{"2.0", ">=1.2, <2", false},
		{"2.0-rc1", "<2.0", true},
		{"1.2.9", "~1.2.3", true},
		{"1.3.0", "~1.2.3", false},
		{"1.2.2", "~1.2.3", false},
		{"1.9", "~1", true},
		{"1.9", "^1.2", true},
		{"2.0", "^1.2", false},
		{"0.2.9", "^0.2.3", true},
		{"0.3.0", "^0.2.3", false},
		{"0.0.4", "^0.0.3", false},
		{"3.0.2a", ">3.0.1", true},
		{"1.0", "=1.0.0", true},
		{"1.0", "<=0.9", false},
	} {
		if got := meets(c.version, c.constraint); got != c.want {
			t.Errorf("meets(%q, %q) = %v", c.version, c.constraint, got)
		}
	}
	for _, bad := range []string{"", ">=", "new", "=>1", ">=1,", "!1"} {
		if _, err := parseConstraint(bad); err == nil {
			t.Errorf("parseConstraint(%q): no error", bad)
		}
	}
}

func TestCompareVersionsIsAnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-?(rc|a|beta)[0-9]?)?`)
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		if compareVersions(a, b) != -compareVersions(b, a) {
			t.Fatalf("compare %q %q is not the opposite of the other way round", a, b)
		}
		list := []string{a, b, c}
		slices.SortFunc(list, compareVersions)
		if compareVersions(list[0], list[2]) > 0 {
			t.Fatalf("%q does not sort", list)
		}
	})
}

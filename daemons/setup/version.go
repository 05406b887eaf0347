package setup

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// compareVersions orders versions by their numbers, part by part; a missing part is
// 0. Where numbers are equal, words are compared, and a version with a word behind
// the numbers ("1.2-rc1") comes before the one without.
func compareVersions(a, b string) int {
	as, bs := versionParts(a), versionParts(b)
	for i := range max(len(as), len(bs)) {
		x, y := part(as, i), part(bs, i)
		nx, errX := strconv.ParseUint(x, 10, 64)
		ny, errY := strconv.ParseUint(y, 10, 64)
		switch {
		case errX == nil && errY == nil && nx != ny:
			if nx < ny {
				return -1
			}
			return 1
		case errX == nil && errY != nil:
			return 1
		case errX != nil && errY == nil:
			return -1
		case errX != nil && x != y:
			return strings.Compare(x, y)
		}
	}
	return 0
}

func part(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return "0"
}

// versionParts splits "1.2rc1" into 1 2 rc 1.
func versionParts(v string) []string {
	var parts []string
	kind := 0
	for _, r := range v {
		next := 0
		switch {
		case unicode.IsDigit(r):
			next = 1
		case unicode.IsLetter(r):
			next = 2
		}
		switch {
		case next == 0:
		case next == kind:
			parts[len(parts)-1] += string(r)
		default:
			parts = append(parts, string(r))
		}
		kind = next
	}
	return parts
}

// versionRule is one part of a constraint.
type versionRule struct{ op, version string }

// parseConstraint reads rules joined by commas: ">=1.70", "<2", "~1.2" (the same
// minor version), "^1.2" (the same first part that is not 0). A bare version means
// at least that one.
func parseConstraint(text string) ([]versionRule, error) {
	var rules []versionRule
	for _, item := range strings.Split(text, ",") {
		item = strings.TrimSpace(item)
		version := strings.TrimLeft(item, "<>=~^!")
		r := versionRule{op: item[:len(item)-len(version)], version: strings.TrimSpace(version)}
		switch r.op {
		case "":
			r.op = ">="
		case ">=", "<", "~", "^", ">", "<=", "=", "==":
		default:
			return nil, fmt.Errorf("%q has the operator %q", item, r.op)
		}
		if r.version == "" || !unicode.IsDigit(rune(r.version[0])) {
			return nil, fmt.Errorf("%q has no version", item)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// constraint is a check of configuration values.
func constraint(text string) (message, suggestion string) {
	if _, err := parseConstraint(text); err != nil {
		return fmt.Sprintf("is no version constraint: %v", err), `for example ">=1.70", "^1.2" or ">=1.2,<2"`
	}
	return "", ""
}

// meets reports whether a version keeps a constraint that has been checked.
func meets(version, constraint string) bool {
	rules, err := parseConstraint(constraint)
	if err != nil {
		return false
	}
	for _, r := range rules {
		if !r.holds(version) {
			return false
		}
	}
	return true
}

func (r versionRule) holds(version string) bool {
	c := compareVersions(version, r.version)
	switch r.op {
	case ">=":
		return c >= 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case "~":
		return c >= 0 && samePrefix(version, r.version, min(2, len(versionParts(r.version))))
	case "^":
		n := 1
		for parts := versionParts(r.version); n < len(parts) && strings.Trim(parts[n-1], "0") == ""; {
			n++
		}
		return c >= 0 && samePrefix(version, r.version, n)
	}
	return c == 0
}

// samePrefix reports whether the first n parts are equal.
func samePrefix(a, b string, n int) bool {
	as, bs := versionParts(a), versionParts(b)
	for i := range n {
		if compareVersions(part(as, i), part(bs, i)) != 0 {
			return false
		}
	}
	return true
}

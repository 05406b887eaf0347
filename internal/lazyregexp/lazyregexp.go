// Package lazyregexp compiles regular expressions when they are first used. A start of the
// program needs few of them, and would otherwise pay for all.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function that compiles the expression once. A wrong expression panics at
// the first use.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

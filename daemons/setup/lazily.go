package setup

import (
	"regexp"
	"sync"
)

// lazily compiles an expression when it is first needed: every start of the program
// would pay for it otherwise, and most need none.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

package compilation

import (
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// Clang writes a slash for a backslash in its dependency file, and does not escape a tab.
func TestNamesInDepfile(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`ba\ck.cpp`, "a\ttab.cpp", "with a space.cpp", "nr#1.cpp"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			eachCompiler(t, func(t *testing.T, p *project) {
				p.write(source, "int main() {}\n")
				p.build(source)
				p.expect("again", source, ipc.StatusCached, ipc.ReasonUnchanged)
				p.sameAsPlain(source)
			})
		})
	}
}

package compilation

import (
	"strings"
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
				header := strings.TrimSuffix(source, "cpp") + "h"
				if p.depfile { // the name of such a header is not known without a trace
					header = strings.ReplaceAll(header, `\`, "_")
				}
				text := "#include \"" + header + "\"\nint code() { return CODE; }\n"
				for _, unit := range []string{source, "plain.cpp"} {
					p.write(header, "#define CODE 1\n")
					p.write(unit, text)
					p.build(unit)
					p.expect("again", unit, ipc.StatusCached, ipc.ReasonUnchanged)
					p.sameAsPlain(unit)
					p.write(header, "#define CODE 2\n")
					p.build(unit)
					p.sameAsPlain(unit)
				}
			})
		})
	}
}

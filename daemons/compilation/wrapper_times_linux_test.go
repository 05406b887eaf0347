package compilation

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// hideDriver puts a wrapper in the compiler's place, of whose driver setup knows nothing.
func (p *project) hideDriver(text string) {
	p.t.Helper()
	real, err := filepath.EvalSymlinks(p.tool.CXX)
	check(p, err)
	if p.tool.Family == "gcc" { // setup finds clang's by what it says of itself
		p.tool.Programs = slices.DeleteFunc(slices.Clone(p.tool.Programs), func(f string) bool { return f == real })
	}
	p.wrap(text)
}

// The driver that a wrapper runs asks whether a source is there: its time is no input.
// That of a file that the wrapper itself asks about is one.
func TestTimesBehindWrapper(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text   string
		status string
	}{
		"asked by the driver":  {`exec "$real" "$@"`, ipc.StatusCached},
		"asked by the wrapper": {`[ main.cpp -nt old ] && exec "$real" "$@"; exec "$real" "$@"`, ipc.StatusCompiled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				p.write("old", "")
				p.write("main.cpp", "int main() {}\n")
				p.hideDriver(tt.text)
				p.build("main.cpp")
				p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				p.touch("main.cpp", time.Now().Add(time.Hour))
				if r := p.build("main.cpp"); r.Status != tt.status {
					t.Errorf("touched: %s, %s", r.Status, r.Reason.Text)
				}
				p.sameAsPlain("main.cpp")
			})
		})
	}
}

// Objects that come from the cache have new times. A wrapper links them once.
func TestLinkByWrapperFromCache(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"asked by the driver":  `exec "$real" "$@"`,
		"asked by the wrapper": `for a; do [ -f "$a" ] && : "$a"; done; exec "$real" "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				p.write("main.cpp", "int main() {}\n")
				p.hideDriver(text)
				app := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++"}
				p.expectLink("first", app, p.objects("main.cpp"), ipc.StatusCompiled, ipc.ReasonNew)
				before := p.read("build/app")
				p.remove("build")
				objects := p.objects("main.cpp")
				p.touch(objects[0], time.Now().Add(time.Hour))
				p.expectLink("from the cache", app, objects, ipc.StatusCached, ipc.ReasonHit)
				if p.read("build/app") != before {
					t.Error("the program differs")
				}
			})
		})
	}
}

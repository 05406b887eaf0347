package compilation

import (
	"os"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// A folder in the place of a header is passed over by compilers: when a header takes
// its place, another file is found.
func TestFolderInPlaceOfHeader(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"asked for": "#if __has_include(\"opt.h\")\n#include \"opt.h\"\n#else\nint opt() { return 0; }\n#endif\n",
		"shadowed":  "#include \"value.h\"\nint f() { return value(); }\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCompiler(t, func(t *testing.T, p *project) {
				p.args = append(p.args, "-Ifirst", "-Iinclude")
				p.write("include/value.h", "inline int value() { return 1; }\n")
				p.write("src/main.cpp", source)
				header := map[string]string{"asked for": "opt.h", "shadowed": "value.h"}[name]
				if err := os.MkdirAll(p.path("first/"+header), 0o755); err != nil {
					t.Fatal(err)
				}
				p.waitPast("first/" + header)
				r := p.build("src/main.cpp")
				p.sameAsPlain("src/main.cpp")
				// An empty folder and none at all have the same names.
				if !slices.ContainsFunc(p.files[r.ID], func(f ipc.FileSig) bool { return f.Path == "first/"+header && f.Sig.IsDir() }) {
					t.Errorf("discovery does not hear of the folder: %+v", p.files[r.ID])
				}
				p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				p.remove("first/" + header)
				p.write("first/"+header, "inline int value() { return 2; }\ninline int opt() { return 3; }\n")
				if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled {
					t.Errorf("%+v", r)
				}
				p.sameAsPlain("src/main.cpp")
			})
		})
	}
}

// A folder that is searched twice by two paths is left out once, until the link that
// leads to it is turned.
func TestFolderSearchedTwice(t *testing.T) {
	t.Parallel()
	eachCompiler(t, func(t *testing.T, p *project) {
		p.args = append(p.args, "-Ifirst", "-Ilink", "-Iinclude")
		p.write("first/other.h", "")
		p.write("second/value.h", "inline int value() { return 2; }\n")
		p.write("include/value.h", "inline int value() { return 1; }\n")
		p.write("src/main.cpp", "#include <value.h>\nint f() { return value(); }\n")
		p.turn("link", "first")
		p.build("src/main.cpp")
		p.sameAsPlain("src/main.cpp")
		p.turn("link", "second")
		if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled {
			t.Errorf("turned: %+v", r)
		}
		p.sameAsPlain("src/main.cpp")
		// The compiler reported its search path for the old text of the link.
		p.write("first/value.h", "inline int value() { return 3; }\n")
		p.build("src/main.cpp")
		p.sameAsPlain("src/main.cpp")
		p.remove("first/value.h")
		p.turn("link", "first")
		p.build("src/main.cpp")
		p.sameAsPlain("src/main.cpp")
	})
}

// turn makes a link lead somewhere, and waits as waitPast does, for the link itself: one
// turned in the tick in which a compile begins counts as turned during it.
func (p *project) turn(link, to string) {
	p.t.Helper()
	p.remove(link)
	if err := os.Symlink(to, p.path(link)); err != nil {
		p.t.Fatal(err)
	}
	testkit.Until(p.t, "the clock's tick", func() bool {
		info, err := os.Lstat(p.path(link))
		return err == nil && stamps.Now() > ipc.SignatureOf(info).Ctime
	})
}

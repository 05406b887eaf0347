package compilation

import (
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestCompareRecipes(t *testing.T) {
	t.Parallel()
	base := recipe{Kind: "c++", Identity: "1", Version: "clang 19", Args: []string{"/bin/c++", "-O2", "-Wall"}, Root: "/p"}
	with := func(change func(*recipe)) recipe {
		r := base
		change(&r)
		return r
	}
	for _, tt := range []struct {
		new        recipe
		code, text string
		path       string
	}{
		{with(func(r *recipe) { r.Args = []string{"/bin/c++", "-O3", "-Wall"} }), ipc.ReasonFlags, "flags changed: -O2 became -O3", "-O3"},
		{with(func(r *recipe) { r.Args = []string{"/bin/c++", "-Wall"} }), ipc.ReasonFlags, "flags removed: -O2", "-O2"},
		{with(func(r *recipe) { r.Args = []string{"/bin/c++", "-O2", "-Wall", "-g"} }), ipc.ReasonFlags, "flags added: -g", "-g"},
		{with(func(r *recipe) { r.Args = []string{"/bin/c++", "-Wall", "-O2"} }), ipc.ReasonFlags, "the flags are in another order", ""},
		{with(func(r *recipe) { r.Args = []string{"/bin/g++", "-O2", "-Wall"} }), ipc.ReasonCompiler, "the compiler is /bin/g++, it was /bin/c++", "/bin/g++"},
		{with(func(r *recipe) { r.Identity, r.Version = "2", "clang 20" }), ipc.ReasonCompiler, "the compiler is clang 20, it was clang 19", "/bin/c++"},
		{with(func(r *recipe) { r.Identity = "2" }), ipc.ReasonCompiler, "files of the compiler changed", "/bin/c++"},
		{with(func(r *recipe) { r.Root = "/q" }), ipc.ReasonFlags, "the project was moved", "/q"},
		{with(func(r *recipe) { r.CPU = "x" }), ipc.ReasonCompiler, "the processor is another one, and the flags ask for code for this machine", ""},
	} {
		got := compareRecipes(&base, &tt.new)
		if got.Code != tt.code || got.Text != tt.text || got.Path != tt.path {
			t.Errorf("got %+v, want %s %q %s", got, tt.code, tt.text, tt.path)
		}
		if base.digest() == tt.new.digest() {
			t.Errorf("%s: the keys are equal", tt.text)
		}
	}
}

func TestMacroReasons(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		old, new []string
		text     string
	}{
		{[]string{"-DLEVEL=2"}, []string{"-DLEVEL=3"}, "the define LEVEL is 3, it was 2"},
		{[]string{"-DLEVEL"}, []string{"-DLEVEL=3"}, "the define LEVEL is 3, it was 1"},
		{[]string{"-DLEVEL"}, []string{"-DOTHER"}, "flags changed: -DLEVEL became -DOTHER"},
		{nil, []string{"-DLEVEL=3"}, "flags added: -DLEVEL=3"},
	} {
		if r := flagsReason(tt.old, tt.new); r.Text != tt.text || r.Old+r.New == "" {
			t.Errorf("got %+v, want %q", r, tt.text)
		}
	}
}

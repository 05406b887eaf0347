package appendlog

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f := New(path, []byte("# head\n"))
	expect := func(step string, err error, want string) {
		t.Helper()
		text, _ := os.ReadFile(path)
		if err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", step, text, err, want)
		}
	}
	expect("new", f.Close(), "")
	expect("created", f.Create(), "# head\n")
	expect("appended", f.Append([]byte("a\n")), "# head\na\n")
	expect("closed", f.Close(), "# head\na\n")
	expect("opened again", f.Append([]byte("b\n")), "# head\na\nb\n")
	expect("replaced", f.Replace(".new", []byte("c\n")), "# head\nc\n")
	expect("appended to the new one", f.Append([]byte("d\n")), "# head\nc\nd\n")
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	f.Close()
	os.Mkdir(path+".blocked", 0o700)
	if err := f.Replace(".blocked", nil); err == nil {
		t.Error("replaced by a folder")
	}
	expect("not replaced", nil, "# head\nc\nd\n")
}

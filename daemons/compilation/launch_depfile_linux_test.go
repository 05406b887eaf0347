package compilation

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A dependency file with another target is what the compiler itself writes, to the byte, for
// targets of lengths that move line breaks.
func TestRetarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var source strings.Builder
	for i := range 12 {
		header := strings.Repeat("h", 1+i*i%31) + fmt.Sprint(i) + ".h"
		fmt.Fprintf(&source, "#include \"%s\"\n", header)
		if err := os.WriteFile(filepath.Join(dir, header), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for compiler, style := range map[string]depfileStyle{"gcc": gccStyle, "clang-19": clangStyle} {
		path, err := exec.LookPath(compiler)
		if err != nil {
			t.Logf("no %s", compiler)
			continue
		}
		write := func(target string) []byte {
			c := exec.CommandContext(t.Context(), path, "-MM", "-MP", "-MT", target, "a.c")
			c.Dir = dir
			text, err := c.Output()
			if err != nil {
				t.Fatalf("%v: %v", c.Args, err)
			}
			return text
		}
		first := write("t.o")
		for n := 1; n < 90; n += 4 {
			target := strings.Repeat("x", n)
			want := write(target)
			if got, ok := style.retarget(first, "t.o", target); !ok || !bytes.Equal(got, want) {
				t.Errorf("%s, a target of %d bytes (ok %v):\n%s\nwant\n%s", compiler, n, ok, got, want)
			}
		}
	}
}

// What cannot be written again with certainty is not tried.
func TestRetargetRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a.o: a.c", "other.o: a.c\n", "a.o:a.c\n", "a.o: a.c  b.h\n", "a.o: a\\ b.c\n", "a.o: $$a.c\n", "a.o: \\\n a.c\n",
	} {
		if out, ok := gccStyle.retarget([]byte(text), "a.o", "b.o"); ok {
			t.Errorf("%q became %q", text, out)
		}
	}
}

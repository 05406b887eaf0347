package daemons

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHomeDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	home, tmp := filepath.Join(dir, "home"), filepath.Join(dir, "tmp")
	closed := filepath.Join(dir, "file")
	for _, d := range []string{home, tmp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(closed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(tmp, fmt.Sprintf("replibuild-%d", os.Geteuid()))
	for _, c := range []struct {
		env  map[string]string
		want string
		why  string // in the notice
	}{
		{map[string]string{"REPLIBUILD_HOME": "/x/y", "HOME": home, "TMPDIR": tmp}, "/x/y", ""},
		{map[string]string{"HOME": home, "TMPDIR": tmp}, filepath.Join(home, ".replibuild"), ""},
		{map[string]string{"HOME": "relative", "TMPDIR": tmp}, other, "HOME is not set"},
		{map[string]string{"TMPDIR": tmp}, other, "HOME is not set"},
		{map[string]string{"HOME": filepath.Join(dir, "none"), "TMPDIR": tmp}, other, "is not there"},
		{map[string]string{"HOME": closed, "TMPDIR": tmp}, other, "file"},
	} {
		env := func(key string) string { return c.env[key] }
		got, err := HomeDir(env)
		if got != c.want || err != nil {
			t.Errorf("%v: %q, %v", c.env, got, err)
		}
		if why := HomeNotice(env, got); !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%v: notice %q", c.env, why)
		}
	}
	if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the temporary home: %v, %v", info, err)
	}
}

func TestTemporaryHomeOfOthersIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(mine, link); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{link, open, filepath.Join(dir, "none", "x")} {
		if makeTemporaryHome(d) {
			t.Errorf("%s is used", d)
		}
	}
	if !makeTemporaryHome(mine) {
		t.Error("our own is not used")
	}
}

// The loader finds the tracer wherever Home is.
func TestTracerDir(t *testing.T) {
	t.Parallel()
	if got := (Paths{Home: "/home/u/.replibuild"}).TracerDir(); got != "/home/u/.replibuild/tracer" {
		t.Errorf("an ordinary home: %s", got)
	}
	for _, home := range []string{"/home/a b", "/home/a:b", "/home/$LIB"} {
		got := Paths{Home: home}.TracerDir()
		info, err := os.Lstat(filepath.Dir(got))
		if strings.ContainsAny(got, " :$") || err != nil || !ownedByUs(info) || sharesWithOthers(info) {
			t.Errorf("%s: %s, %v", home, got, err)
		}
	}
}

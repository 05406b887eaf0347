package preload

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compileC builds a program of testdata, or of text, and returns its path.
func compileC(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	out := filepath.Join(dir, name)
	text, err := run(t.Context(), buildLimit, testEnv(), dir, program(t, "gcc"), append(args, "-w", "-o", out)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// What a command writes is told by what was there before, and which file it is.
func TestWhatIsWritten(t *testing.T) {
	t.Parallel()
	dir := write(t, "old", "1", "log", "1", "moved", "1", "copied", "1", "in", "x")
	o := traced(t, dir, nil, "sh", "-c", "echo 2 > new; echo 2 > old; echo 2 >> log; echo 2 > tmp; mv tmp moved; cp in copied; cp in fresh; echo 3 > tmp; mv tmp last")
	want := map[string]Write{"new": {}, "old": {Replaced: true}, "log": {Updated: true, Appended: true}, "moved": {Replaced: true}, "copied": {Replaced: true}, "fresh": {}, "last": {}}
	for name, w := range want {
		is, there := stampOf(filepath.Join(dir, name))
		got := o.Writes[name]
		if !there || got.File.Ino != is.Ino || got.File.Dev != is.Dev || got.Replaced != w.Replaced || got.Updated != w.Updated || got.Appended != w.Appended || got.Declared {
			t.Errorf("%s: %+v, want %+v with inode %d", name, got, w, is.Ino)
		}
	}
}

// Every wrapped call is seen, and says the right thing.
func TestEachCall(t *testing.T) {
	t.Parallel()
	dir := write(t, callFiles()...)
	for _, l := range []string{"link-lstat", "link-readlink", "link-readlinkat", "link-realpath", "link-canonical"} {
		symlink(t, "read-open", filepath.Join(dir, l))
	}
	symlink(t, "loop", filepath.Join(dir, "loop"))
	exe := compileC(t, dir, "calls", testdata(t, "calls.c"), "-ldl")
	o := traced(t, dir, nil, exe, "all")
	expect(t, "read", slices.DeleteFunc(o.Read, filepath.IsAbs), "read-open read-open64 dir/read-openat dir/read-openat64 read-fopen read-fopen64 read-freopen read-write calls") // calls by fexecve
	expect(t, "seen", o.Seen, "seen-stat seen-stat64 seen-lstat dir/seen-fstatat seen-statx seen-access seen-faccessat seen-euidaccess seen-readlink")
	expect(t, "links", o.Links, "link-lstat link-readlink link-readlinkat link-realpath link-canonical seen-readlink")
	expect(t, "listed", o.Listed, "listed-opendir listed-fdopendir listed-scandir listed-glob")
	expect(t, "folders", o.Folders, "dir folder-stat folder-open folder-access dir/..")
	expect(t, "missed", o.Missed, `no-open dir/no-openat read-open/no-enotdir loop no-fopen no-freopen no-stat no-lstat dir/no-fstatat
		no-access no-readlink no-realpath no-opendir no-glob/ no-dlopen.so no-chdir dir/no-after-chdir no-program no-spawn`)
	checkWritten(t, o.Written)
	starts := 0
	for _, p := range o.Executed {
		if strings.HasSuffix(p, "calls") {
			starts++
		}
	}
	// itself, seven exec functions, two spawns, system, popen, vfork; fexecve names
	// the program by its descriptor
	if starts != 13 {
		t.Errorf("saw %d starts: %q", starts, o.Executed)
	}
}

func callFiles() (files []string) {
	for _, name := range strings.Fields(`read-open read-open64 dir/read-openat dir/read-openat64 read-fopen read-fopen64 read-freopen read-write
		seen-stat seen-stat64 seen-lstat dir/seen-fstatat seen-statx seen-access seen-faccessat seen-euidaccess seen-readlink
		listed-opendir/x listed-fdopendir/x listed-scandir/x listed-glob/x folder-stat/x folder-open/x folder-access/x`) {
		files = append(files, name, "text\n")
	}
	return files
}

func symlink(t testing.TB, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func checkWritten(t *testing.T, paths []string) {
	t.Helper()
	var fixed []string
	temporary := 0
	for _, p := range paths {
		if strings.HasPrefix(p, "write-mkstemp") {
			temporary++
		} else {
			fixed = append(fixed, p)
		}
	}
	expect(t, "written", fixed, "write-open write-fopen write-mkdir write-rename write-link write-symlink")
	if temporary != 1 {
		t.Errorf("%d files of mkstemp", temporary)
	}
}

// Programs that were linked before glibc 2.33 call __xstat.
func TestOldStat(t *testing.T) {
	t.Parallel()
	dir := write(t, "there", "", "old.c", `
#include <sys/stat.h>
int old(int, const char *, struct stat *);
__asm__(".symver old, __xstat@GLIBC_2.2.5");
int main(void) { struct stat st; return old(1, "there", &st) || !old(1, "not-there", &st); }
`)
	if kind, err := kindOf(program(t, "gcc")); err != nil || !strings.Contains(kind.loader, "ld-linux-x86-64") {
		t.Skip("the symbol's version is that of x86-64")
	}
	exe := compileC(t, dir, "old", "old.c")
	o := traced(t, dir, nil, exe)
	expect(t, "seen", o.Seen, "there")
	expect(t, "missed", o.Missed, "not-there")
}

// A library that is loaded by name is looked for where its caller says, as if the
// tracer were not there; it is an input, and so is what it needs.
func TestLoadedLibraries(t *testing.T) {
	t.Parallel()
	dir := write(t, "need.c", "int need(void) { return 7; }", "plugin.c", "int need(void); int plugin(void) { return need(); }",
		"main.c", `
#include <dlfcn.h>
#include <stdio.h>
int main(int n, char **names) {
	for (int i = 1; i < n; i++)
		if (!dlopen(names[i], RTLD_NOW)) { puts(dlerror()); return 1; }
	fopen("after", "r");
	return 0;
}`)
	compileC(t, dir, "libneed.so", "-shared", "-fPIC", "need.c")
	compileC(t, dir, "libplugin.so", "-shared", "-fPIC", "plugin.c", "-L.", "-lneed", "-Wl,-rpath,$ORIGIN")
	exe := compileC(t, dir, "main", "main.c", "-ldl", "-Wl,--enable-new-dtags,-rpath,"+dir)
	for _, name := range []string{"libplugin.so", "./libplugin.so"} {
		o := traced(t, dir, nil, exe, name)
		expect(t, name, o.Read, "libneed.so libplugin.so")
		expect(t, name, o.Missed, "after")
	}
}

package preload

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What the C library does by itself, and what programs ask the kernel for by number.
func TestCallsBehindOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text                               string
		read, seen, listed, missed, folder string
	}{
		"nftw":                   {text: `#include <ftw.h>` + "\n" + `int cb(const char *p, const struct stat *s, int t, struct FTW *f) { return 0; } int main() { return nftw("d", cb, 9, 0); }`, listed: "d d/e", seen: "d/a d/e/b", folder: ""},
		"ftw":                    {text: `#include <ftw.h>` + "\n" + `int cb(const char *p, const struct stat *s, int t) { return 0; } int main() { return ftw("d", cb, 9); }`, listed: "d d/e", seen: "d/a d/e/b"},
		"fts":                    {text: `#include <fts.h>` + "\n" + `int main() { char *a[] = {"d", 0}; FTS *f = fts_open(a, FTS_PHYSICAL, 0); while (fts_read(f)); return fts_close(f); }`, listed: "d d/e", seen: "d/a d/e/b"},
		"fts of what is missing": {text: `#include <fts.h>` + "\n" + `int main() { char *a[] = {"no", 0}; FTS *f = fts_open(a, FTS_PHYSICAL, 0); while (fts_read(f)); return fts_close(f); }`, missed: "no"},
		"wordexp":                {text: `#include <wordexp.h>` + "\n" + `int main() { wordexp_t w; return wordexp("d/* no/*.x", &w, 0); }`, listed: "d", missed: "no/"},
		"getdents64":             {text: `#include <dirent.h>` + "\n" + `int main() { char b[999]; return getdents64(open("d", O_RDONLY | O_DIRECTORY), b, sizeof b) < 0; }`, listed: "d"},
		"scandirat":              {text: `#include <dirent.h>` + "\n" + `int main() { struct dirent **n; return scandirat(AT_FDCWD, "d", &n, 0, 0) < 0; }`, listed: "d"},
		"syscall": {text: `#include <sys/syscall.h>` + "\n" + `int main() { char b[999]; syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY); syscall(SYS_openat, AT_FDCWD, "none", O_RDONLY);
			syscall(SYS_faccessat, AT_FDCWD, "g", 0); syscall(SYS_getdents64, syscall(SYS_openat, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY), b, sizeof b); return 0; }`,
			read: "f", missed: "none", seen: "g", listed: "d"},
		"opened for reading and writing": {text: `int main() { char b[9]; read(open("f", O_RDWR | O_CREAT, 0644), b, 9); open("new", O_RDWR | O_CREAT, 0644); return 0; }`, read: "f"},
		"by way of the process": {text: `#include <stdio.h>` + "\n" + `int main() { char p[99]; int d = open("d", O_RDONLY | O_DIRECTORY); sprintf(p, "/proc/self/fd/%d/a", d);
			fopen("/proc/self/cwd/f", "r"); fopen(p, "r"); fopen("/proc/self/cwd/none", "r"); sprintf(p, "/proc/%d/cwd/g", getpid()); fopen(p, "r"); fopen("/proc/self/maps", "r"); return 0; }`,
			read: "f d/a g", missed: "none"},
		"what a spawned child opens": {text: `#include <spawn.h>` + "\n" + `#include <sys/wait.h>` + "\n" + `int main() { pid_t p; char *a[] = {"true", 0}, *e[] = {0};
			posix_spawn_file_actions_t x, y; posix_spawn_file_actions_init(&x); posix_spawn_file_actions_addopen(&x, 0, "f", O_RDONLY, 0);
			posix_spawn_file_actions_addopen(&x, 1, "none", O_RDONLY, 0); posix_spawn(&p, "/bin/true", &x, 0, a, e); waitpid(p, 0, 0);
			posix_spawn_file_actions_addchdir_np(&x, "/"); posix_spawn_file_actions_destroy(&x);
			posix_spawn_file_actions_init(&y); posix_spawn_file_actions_addchdir_np(&y, "d"); posix_spawn_file_actions_addopen(&y, 0, "a", O_RDONLY, 0);
			return posix_spawn(&p, "/bin/true", &y, 0, a, e); }`, read: "f d/a", missed: "none"},
		"files of the C library": {text: `#include <mntent.h>` + "\n" + `#include <sys/mman.h>` + "\n" + `int main() { setmntent("f", "r"); setmntent("none", "r");
			return shm_open("/replibuild-none", O_RDONLY, 0) >= 0; }`, read: "f", missed: "none"},
		"a file that is cut": {text: `#include <sys/syscall.h>` + "\n" + `int main() { syscall(SYS_truncate, "g", 0L); truncate("none", 0); return truncate("f", 4); }`, read: "f g", missed: "none"},
		"by way of a thread": {text: `#include <stdio.h>` + "\n" + `int main() { char p[99]; sprintf(p, "/proc/self/task/%d/cwd/f", getpid()); fopen(p, "r");
			sprintf(p, "/proc/%d/task/%d/cwd/g", getpid(), getpid()); return fopen(p, "r") == 0; }`, read: "f g"},
		"a library at the end": {text: `#include <dlfcn.h>` + "\n" + `int main() { _exit(dlopen("libm.so.6", RTLD_NOW) == 0); }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, "d/a", "", "d/e/b", "", "f", "text", "g", "", "p.c", "#define _GNU_SOURCE\n#include <unistd.h>\n#include <fcntl.h>\n#include <sys/stat.h>\n"+tt.text)
			compileC(t, dir, "p", "p.c")
			o := traced(t, dir, nil, "sh", "-c", "./p; exit 0")
			if o.Seen = slices.DeleteFunc(o.Seen, filepath.IsAbs); len(o.Seen) > 0 && o.Seen[0] == "p" {
				o.Seen = o.Seen[1:]
			}
			if name == "a library at the end" && !slices.ContainsFunc(o.Read, func(p string) bool { return filepath.Base(p) == "libm.so.6" }) {
				t.Errorf("the library that was loaded is not among %q", o.Read)
			}
			expect(t, "read", slices.DeleteFunc(o.Read, filepath.IsAbs), tt.read)
			expect(t, "seen", o.Seen, tt.seen)
			expect(t, "listed", o.Listed, tt.listed)
			expect(t, "missed", o.Missed, tt.missed)
		})
	}
}

// What cannot be followed makes the trace one that nothing rests on.
func TestCallsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a walk that moves":      `#include <ftw.h>` + "\n" + `int cb(const char *p, const struct stat *s, int t, struct FTW *f) { return 0; } int main() { return nftw("d", cb, 9, FTW_CHDIR); }`,
		"a shell's expansion":    `#include <wordexp.h>` + "\n" + `int main() { wordexp_t w; wordexp("$HOME", &w, 0); return 0; }`,
		"a C library of its own": `#include <dlfcn.h>` + "\n" + `int main() { dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW); return 0; }`,
		"the C library by name":  `#include <dlfcn.h>` + "\n" + `int main() { dlopen("libc.so.6", RTLD_NOW); return 0; }`,
		"a folder of a thread":   `#include <sched.h>` + "\n" + `int main() { unshare(CLONE_FS); return 0; }`,
		"two spawns with folders": `#include <spawn.h>` + "\n" + `int main() { posix_spawn_file_actions_t x, y; posix_spawn_file_actions_init(&x); posix_spawn_file_actions_init(&y);
			posix_spawn_file_actions_addchdir_np(&x, "d"); posix_spawn_file_actions_addchdir_np(&y, "/"); return posix_spawn_file_actions_addopen(&x, 0, "a", 0, 0); }`,
		"another root": `#include <stdlib.h>` + "\n" + `int main() { if (chroot("d")) abort(); return 0; }`,
		"io_uring":     `#include <sys/syscall.h>` + "\n" + `int main() { syscall(SYS_io_uring_setup, 0, 0); return 0; }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, "d/a", "", "p.c", "#define _GNU_SOURCE\n#include <unistd.h>\n#include <sys/stat.h>\n"+text)
			if name == "another root" && os.Geteuid() != 0 {
				t.Skip("only root may have another root folder")
			}
			compileC(t, dir, "p", "p.c")
			if o := observe(t, dir, nil, "sh", "-c", "./p; exit 0"); o.Complete {
				t.Errorf("%+v", o)
			}
		})
	}
}

// Programs in Go make system calls of their own, also where they are linked dynamically.
func TestGoIsNoticed(t *testing.T) {
	t.Parallel()
	dir := write(t, "go.mod", "module p\n", "p.go", "package main\n\nimport \"C\"\n\nfunc main() {}\n")
	cmd := exec.CommandContext(t.Context(), program(t, "go"), "build", "-o", "p", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if o := withoutObserver(t, dir, "sh", "-c", "./p; exit 0"); o.Complete {
		t.Errorf("%+v", o)
	}
}

// The stamp of an input is that of the file that was opened, not of the one that is at its
// path afterwards.
func TestStamps(t *testing.T) {
	t.Parallel()
	dir := write(t, "in/v", "one", "new/v", "two", "p.c", `
#include <fcntl.h>
#include <stdio.h>
#include <dirent.h>
int main(void) { open("in/v", O_RDONLY); opendir("in"); rename("in", "old"); rename("new", "in"); return 0; }`)
	before, _ := stampOf(filepath.Join(dir, "in/v"))
	folder, _ := stampOf(filepath.Join(dir, "in"))
	o := traced(t, dir, nil, compileC(t, dir, "p", "p.c"))
	after, _ := stampOf(filepath.Join(dir, "in/v"))
	if got := o.Stamps["in/v"]; got != before || got == after {
		t.Errorf("in/v: %+v, was %+v, is %+v", got, before, after)
	}
	if got := o.Stamps["in"]; got.Ino != folder.Ino || got.Mtime != folder.Mtime {
		t.Errorf("in: %+v, was %+v", got, folder)
	}
}

// A compiler asks for a date where it puts one into the object, and not otherwise.
func TestClock(t *testing.T) {
	t.Parallel()
	dir := write(t, "none.c", "// __TIME__\nint x;\n", "time.c", "const char *t = __TIME__;\n", "pasted.c", "#define CAT(a, b) a##b\nconst char *t = CAT(__DA, TE__);\n",
		"flag.c", "const char *t = STAMP;\n", "file.c", "const char *t = __TIMESTAMP__;\n")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "file.c"), old, old); err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, cxx string) {
		for file, want := range map[string]string{
			"none.c": "false false", "time.c": "true true", "pasted.c": "true true", "flag.c": "true true", "file.c": "false true",
		} {
			args := []string{"-x", "c", "-DSTAMP=__TIME__", "-c", file, "-o", os.DevNull}
			known := map[string]bool{}
			for _, p := range traced(t, dir, nil, cxx, args...).Programs {
				known[p] = true
			}
			o := observeKnown(t, dir, known, cxx, args...)
			if got := fmt.Sprint(o.Clock, o.FileTimes); got != want {
				t.Errorf("%s: %s, want %s", file, got, want)
			}
		}
	})
}

// Of programs that are not known more is told: what they asked about, their libraries.
func TestForeignPrograms(t *testing.T) {
	t.Parallel()
	dir := write(t, "f", "", "l.c", "int l(void) { return 0; }", "p.c", `
#include <unistd.h>
int l(void);
int main(void) { return access("f", X_OK) == 0 || l(); }`)
	compileC(t, dir, "libl.so", "-shared", "-fPIC", "l.c")
	exe := compileC(t, dir, "p", "p.c", "-L.", "-ll", "-Wl,-rpath,"+dir)
	for _, known := range []bool{false, true} {
		o := observeKnown(t, dir, map[string]bool{exe: known}, exe)
		asked, library := slices.ContainsFunc(o.Asked, func(a Asked) bool { return a.Path == "f" && slices.Equal(a.Programs, []string{"p"}) }), slices.Contains(o.Read, "libl.so")
		if asked == known || library == known || (o.Foreign == "") != known {
			t.Errorf("known %v: asked %+v, read %q, foreign %q", known, o.Asked, o.Read, o.Foreign)
		}
	}
}

// observeKnown is observe with programs that are known.
func observeKnown(t *testing.T, dir string, known map[string]bool, name string, args ...string) Observation {
	t.Helper()
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	exe := program(t, name)
	if out, err := run(t.Context(), time.Minute, libraryFor(t, exe).Env(testEnv(), trace), dir, exe, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return NewReader(dir).Observe(trace, nil, known)
}

package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// helper is a program that a compiler wrapper asks for a number. In its texts BASE is
// the world's folder and DRIVER the real compiler.
type helper struct {
	name    string
	weight  int      // 0 counts as 1
	command string   // in the wrapper's shell
	program string   // C text of bin/helper
	flags   []string // for compiling it
	script  string   // instead of the usual wrapper
	prepare func(*world)
	change  func(*world) // what the number comes from
	unseen  bool         // it cannot be observed for sure, so each compile may run again
	stale   bool         // it makes stale objects itself: ccache looks for no header that appears
	cannot  func() bool
}

// noScript is for a helper that makes the wrapper itself.
const noScript = "none"

const (
	printsFile = `#include <stdio.h>
int main(void) { FILE *f = fopen("tools/f", "r"); putchar(getc(f)); return 0; }
`
	callsDriver = `#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int c, char **v) {
	char flag[] = "-DWRAPPED=?", **a = calloc(c + 2, sizeof *a);
	FILE *f = fopen("tools/f", "r");
	flag[sizeof flag - 2] = getc(f);
	fclose(f);
	a[0] = "DRIVER"; a[1] = flag;
	for (int i = 1; i < c; i++) a[i + 1] = v[i];
	execvp(a[0], a);
	return 1;
}
`
)

var helpers = []helper{
	{name: "file", command: "cat tools/f", change: (*world).editFlagFile},
	{name: "static", command: "BASE/bin/helper", program: printsFile, flags: []string{"-static"}, change: (*world).editFlagFile},
	{name: "static-wrapper", script: noScript, prepare: func(w *world) {
		w.compileHelper(callsDriver, w.abs(wrapperFile), "-static")
	}, change: (*world).editFlagFile},
	{name: "compiled-wrapper", script: noScript, prepare: func(w *world) {
		w.compileHelper(callsDriver, w.abs(wrapperFile))
	}, change: (*world).editFlagFile},
	{name: "go", command: "BASE/bin/helper", prepare: (*world).buildGoHelper, change: (*world).editFlagFile, cannot: noGo},
	{name: "ccache", script: "#!/bin/sh\nCCACHE_DIR=BASE/ccache exec ccache DRIVER -DWRAPPED=$(cat tools/f) \"$@\"\n",
		change: func(w *world) { w.removeCache(); w.known.forget(); w.fromNothing(); w.build(nil); w.editFlagFile() }, unseen: true, stale: true, cannot: noCcache},
	{name: "counter", script: "#!/bin/sh\nn=$(cat BASE/count 2>/dev/null); echo $((n+1)) >BASE/count; exec DRIVER -DWRAPPED=$(cat tools/f) \"$@\"\n",
		change: (*world).editFlagFile, unseen: true},
	{name: "shows-environment", script: "#!/bin/sh\nenv >&2; exec DRIVER -DWRAPPED=$(cat tools/f) \"$@\"\n", change: (*world).editFlagFile, unseen: true},
	{name: "switches", script: "#!/bin/sh\nexec $(cat tools/which) -DWRAPPED=$(cat tools/f) \"$@\"\n",
		prepare: func(w *world) { w.save("p/tools/which", w.wrapper.driver, true) },
		change:  func(w *world) { w.save("p/tools/which", pick(w, compilers(w.t)), true) }, unseen: true},
	{name: "nftw", command: "BASE/bin/helper", change: (*world).addToFolder, program: `#include <stdio.h>
#include <ftw.h>
static int n;
static int one(const char *p, const struct stat *s, int t, struct FTW *f) { n += t == FTW_F; return 0; }
int main(void) { nftw("tools/d", one, 9, 0); printf("%d\n", n); return 0; }
`},
	{name: "fts", command: "BASE/bin/helper", change: (*world).addToFolder, program: `#include <stdio.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <fts.h>
int main(void) {
	char *roots[] = {"tools/d", 0};
	FTS *all = fts_open(roots, FTS_PHYSICAL, 0);
	int n = 0;
	for (FTSENT *e; (e = fts_read(all)); ) n += e->fts_info == FTS_F;
	printf("%d\n", n);
	return 0;
}
`},
	{name: "wordexp", command: "BASE/bin/helper", change: (*world).addToFolder, program: `#include <stdio.h>
#include <wordexp.h>
int main(void) { wordexp_t w; wordexp("tools/d/*", &w, 0); printf("%d\n", (int)w.we_wordc); return 0; }
`},
	{name: "glob", command: "set -- tools/d/*; echo $#", change: (*world).addToFolder},
	{name: "getdents64", command: "BASE/bin/helper", change: (*world).addToFolder, program: `#include <stdio.h>
#include <dirent.h>
#include <fcntl.h>
int main(void) {
	char b[65536];
	int n = 0, f = open("tools/d", O_DIRECTORY);
	for (long r; (r = getdents64(f, b, sizeof b)) > 0; )
		for (long i = 0; i < r; n++) i += ((struct dirent64 *)(b + i))->d_reclen;
	printf("%d\n", n);
	return 0;
}
`},
	{name: "syscall", command: "BASE/bin/helper", change: (*world).editFlagFile, unseen: true, program: `#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(void) { char b[9] = {0}; read(syscall(SYS_openat, AT_FDCWD, "tools/f", O_RDONLY), b, 8); puts(b); return 0; }
`},
	// While one compile reads the file, the helper of another has it open for writing.
	{name: "read-write-create", command: "BASE/bin/helper", change: (*world).editFlagFile, unseen: true, program: `#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
int main(void) { char b[9] = {0}; read(open("tools/f", O_RDWR | O_CREAT, 0644), b, 8); puts(b); return 0; }
`},
	{name: "test-x", command: "[ -x tools/f ] && echo 5 || echo 1", change: func(w *world) {
		info, err := os.Stat(w.abs("p/tools/f"))
		w.must(err)
		w.must(os.Chmod(w.abs("p/tools/f"), info.Mode()^0o111))
	}},
	{name: "test-nt", command: "[ tools/f -nt tools/g ] && echo 5 || echo 1", change: func(w *world) {
		f, at := pick(w, []string{"p/tools/f", "p/tools/g"}), time.Now().Add(time.Duration(w.between(100000))*time.Millisecond)
		w.must(os.Chtimes(w.abs(f), at, at))
	}},
	{name: "dangling-link", command: "readlink tools/link", change: func(w *world) {
		w.must(os.Remove(w.abs("p/tools/link")))
		w.must(os.Symlink(fmt.Sprint(1+w.between(9)), w.abs("p/tools/link")))
	}},
	{name: "library", command: "BASE/bin/helper", prepare: (*world).buildLibrary, flags: []string{"-Lbin", "-lnumber", "-Wl,-rpath,$ORIGIN"},
		program: "#include <stdio.h>\nint number(void);\nint main(void) { printf(\"%d\\n\", number()); return 0; }\n", change: (*world).buildLibrary},
	{name: "path", command: "oracle-number", prepare: func(w *world) {
		for _, n := range []string{"1", "2"} {
			w.must(os.MkdirAll(w.abs("bin/"+n), 0o755))
			w.must(os.WriteFile(w.abs("bin/"+n+"/oracle-number"), []byte("#!/bin/sh\necho "+n+"\n"), 0o755))
		}
		w.extra = []string{"PATH=" + w.abs("bin/1") + ":/usr/local/bin:/usr/bin:/bin"}
	}, change: func(w *world) {
		w.extra = []string{"PATH=" + w.abs("bin/"+pick(w, []string{"1", "2"})) + ":/usr/local/bin:/usr/bin:/bin"}
	}},
	{name: "path-shadowed", command: "oracle-number", prepare: func(w *world) {
		for _, dir := range []string{"bin/1", "bin/2"} {
			w.must(os.MkdirAll(w.abs(dir), 0o755))
		}
		w.must(os.WriteFile(w.abs("bin/2/oracle-number"), []byte("#!/bin/sh\necho 2\n"), 0o755))
		w.extra = []string{"PATH=" + w.abs("bin/1") + ":" + w.abs("bin/2") + ":/usr/local/bin:/usr/bin:/bin"}
	}, change: func(w *world) {
		if file := w.abs("bin/1/oracle-number"); os.Remove(file) != nil {
			w.must(os.WriteFile(file, []byte("#!/bin/sh\necho 1\n"), 0o755))
		}
	}},
}

// buildLibrary makes the library of a helper, with another number.
func (w *world) buildLibrary() {
	w.fresh++
	w.compileHelper(fmt.Sprintf("int number(void) { return %d; }\n", w.fresh), w.abs("bin/libnumber.so.new"), "-shared", "-fPIC")
	w.must(os.Rename(w.abs("bin/libnumber.so.new"), w.abs("bin/libnumber.so")))
}

// buildGoHelper makes a Go program: dynamic, but with system calls of its own.
func (w *world) buildGoHelper() {
	source := w.abs("gohelper/main.go")
	w.must(os.MkdirAll(w.abs("gohelper"), 0o755))
	w.must(os.WriteFile(source, []byte("package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\ttext, _ := os.ReadFile(\"tools/f\")\n\tfmt.Print(string(text))\n}\n"), 0o644))
	cmd := exec.Command("go", "build", "-ldflags=-linkmode=external", "-o", w.abs("bin/helper"), source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GO111MODULE=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		w.must(fmt.Errorf("go build: %w: %s", err, text))
	}
}

func noGo() bool { return missing("go") }

func noCcache() bool { return missing("ccache") }

func missing(program string) bool {
	_, err := exec.LookPath(program)
	return err != nil
}

// keepWorld copies what a test has made into the folder that ORACLE_KEEP names, for a look at it.
func keepWorld(base string, seed uint64) {
	if kept := os.Getenv("ORACLE_KEEP"); kept != "" {
		_ = exec.Command("cp", "-a", base, filepath.Join(kept, fmt.Sprint(seed))).Run()
	}
}

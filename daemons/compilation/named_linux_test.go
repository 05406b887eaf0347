package compilation

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// namedProject is a project whose units are compiled under their objects' own names.
func namedProject(t *testing.T, p *project) (object, usage string) {
	t.Helper()
	p.args = append(p.args, "-fstack-usage")
	small(p)
	object = unitOf("src/main.cpp").Output()
	return object, strings.TrimSuffix(object, ".o") + ".su"
}

// Where a compile fails, is cancelled or makes the same again, the files that were there
// stay: the same inodes with the same times.
func TestOldFilesStay(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		object, usage := namedProject(t, p)
		p.build("src/main.cpp")
		first := p.builtFiles()
		before := p.identities(object, usage)
		stay := func(what string) {
			t.Helper()
			p.sameFiles(what, p.builtFiles(), first, nil)
			if now := p.identities(object, usage); !slices.Equal(now, before) {
				t.Errorf("%s: inodes and times %v, were %v", what, now, before)
			}
		}
		req := p.batch("src/main.cpp")
		req.NoCache = true
		if out, err := p.run(t.Context(), req); err != nil || out["src/main.cpp"].Status != ipc.StatusCompiled || out["src/main.cpp"].Changed {
			t.Errorf("the same again: %+v, %v", out, err)
		}
		stay("the same again")
		p.write("include/value.h", "#error broken\n")
		if r := p.try("src/main.cpp"); r.Status != ipc.StatusFailed {
			t.Errorf("broken: %+v", r)
		}
		stay("broken")
		p.write("include/value.h", "#pragma once\ninline int value() { return 7; }\n")
		p.cancelCompile("src/main.cpp", object)
		stay("cancelled")
	})
}

// identities are inode and modification time of files.
func (p *project) identities(names ...string) (out []ipc.Signature) {
	p.t.Helper()
	for _, name := range names {
		sig := outputSignature(p.path(name))
		out = append(out, ipc.Signature{Dev: sig.Dev, Ino: sig.Ino, Size: sig.Size, Mtime: sig.Mtime})
	}
	return out
}

// cancelCompile cancels a compile after the compiler has written its output.
func (p *project) cancelCompile(source, object string) {
	p.t.Helper()
	real := p.tool.CXX
	hold := filepath.Join(p.t.TempDir(), "hold")
	p.wrap(`"$real" "$@"; : > ` + hold + `; sleep 60`)
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	p.ready()
	go func() {
		_, err := p.s.Run(ctx, p.batch(source), nil)
		done <- err
	}()
	testkit.Until(p.t, "the compiler", func() bool { _, err := os.Stat(hold); return err == nil })
	cancel()
	if err := <-done; err == nil {
		p.t.Error("the compile was not cancelled")
	}
	p.tool.CXX = real
}

// A file that several units write belongs to the one that wrote it last: the others are not
// compiled again because of it, and it comes back.
func TestSharedFileBeside(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.args = append(p.args, "-MD", "-MF", "build/deps.d")
		sources := []string{"a.cpp", "b.cpp", "c.cpp"}
		for _, s := range sources {
			p.write(s, "int f_"+s[:1]+"() { return 1; }\n")
		}
		p.write("build/kept", "")
		all := func(what, status string) {
			t.Helper()
			out, err := p.run(t.Context(), p.batch(sources...))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sources {
				if out[s].Status != status {
					t.Errorf("%s: %s: %s because of %s", what, s, out[s].Status, out[s].Reason.Text)
				}
			}
		}
		all("first", ipc.StatusCompiled)
		first := p.builtFiles()
		for range 2 {
			all("again", ipc.StatusCached)
			p.sameFiles("again", p.builtFiles(), first, nil)
		}
		p.clean()
		all("deleted", ipc.StatusCached)
		p.sameFiles("deleted", p.builtFiles(), first, nil)
		p.remove("build/deps.d")
		all("file deleted", ipc.StatusCached)
		p.sameFiles("file deleted", p.builtFiles(), first, nil)
	})
}

// g++ finds the profile of an object beside it, as in a plain compile; another profile
// makes another object, and the first one comes back from the cache.
func TestProfileUse(t *testing.T) {
	t.Parallel()
	tool, there := toolchains(t)["gcc"]
	if !there || tracerDir == "" {
		t.Skip("no traced g++ here")
	}
	p := newProject(t, tool)
	p.args = append(p.args, "-O2", "-fprofile-use", "-Wno-missing-profile")
	p.write("src/main.cpp", `int left(unsigned); int right(unsigned);
int work(int mode) { int s = 0; for (unsigned i = 0; i < 20000; i++) { if (mode) s += left(i); else s -= right(i); } return s; }
`)
	object := unitOf("src/main.cpp").Output()
	p.expect("without a profile", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	none := p.read(object)
	var profiled []string
	for _, mode := range []string{"0", "1"} {
		p.train(object, mode)
		if r := p.build("src/main.cpp"); r.Status != ipc.StatusCompiled {
			t.Errorf("profile %s: %s because of %s", mode, r.Status, r.Reason.Text)
		}
		got := p.read(object)
		plain := p.plainFilesOver("src/main.cpp")[object]
		if got != plain {
			t.Errorf("profile %s: not what a plain compile makes", mode)
		}
		profiled = append(profiled, got)
	}
	if slices.Contains(profiled, none) || profiled[0] == profiled[1] {
		t.Fatal("void: the profiles make no difference")
	}
	p.remove(strings.TrimSuffix(object, ".o") + ".gcda")
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCached || p.read(object) != none {
		t.Errorf("without a profile again: %s because of %s", r.Status, r.Reason.Text)
	}
}

// train leaves the profile of a run beside an object.
func (p *project) train(object, mode string) {
	p.t.Helper()
	dir := p.t.TempDir()
	other := filepath.Join(dir, "other.cpp")
	p.writeAbs(other, "#include <cstdlib>\nint left(unsigned x) { return x % 7; }\nint right(unsigned x) { return x % 5; }\nint work(int);\nint main(int, char **v) { return work(std::atoi(v[1])) == 1; }\n")
	script := `set -e
cp ` + object + ` ` + dir + `/kept.o; rm -f ${1%.o}.gcda
"$2" -std=c++17 -O2 -fprofile-generate -c src/main.cpp -o "$1"
"$2" -O0 ` + other + ` "$1" -fprofile-generate -o ` + dir + `/run
cp ` + dir + `/kept.o "$1"; rm -f ${1%.o}.gcno
` + dir + `/run ` + mode + ` || true`
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", script, "sh", object, p.tool.CXX)
	cmd.Dir, cmd.Env = p.root, p.env
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, text)
	}
	p.waitPast(strings.TrimSuffix(object, ".o") + ".gcda")
}

// plainFilesOver compiles plainly over what is there, and puts the object back.
func (p *project) plainFilesOver(source string) map[string]string {
	p.t.Helper()
	object := unitOf(source).Output()
	ours := p.read(object)
	line := p.plainLine(source, object)
	cmd := exec.CommandContext(p.t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = p.root, environment.ForCommands(p.env, p.root)
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("plain compile: %v\n%s", err, text)
	}
	files := p.builtFiles()
	p.write(object, ours)
	return files
}

package main

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/remotefake"
	"github.com/RepliBuild/replibuild/ipc"
)

// sources are a small project that has all kinds of names: a header, a name that is looked
// for and not found, and a warning.
func sources() map[string]string {
	return map[string]string{
		"replibuild.toml": "[project]\nname = \"app\"\n[compilation]\ndebug = false\n",
		"include/v.h":     "inline int v() { return 1; }\n",
		"src/f.cpp":       "#include \"v.h\"\n#if __has_include(\"opt.h\")\n#include \"opt.h\"\n#else\n#define MORE 0\n#endif\nint f() { return v() + MORE; }\n",
		"src/main.cpp":    "#include <stdio.h>\nint f();\nint main() { printf(\"%d\\n\", f()); }\n",
	}
}

// objects are the files that sources become.
var objects = []string{"build/obj/app/src/f.cpp.o", "build/obj/app/src/main.cpp.o", "build/app"}

// names are what the events call them.
var names = []string{"src/f.cpp", "src/main.cpp", "app"}

// with is sources with the remote cache at a URL.
func with(url string) map[string]string {
	files := sources()
	files["replibuild.toml"] += fmt.Sprintf("[remote]\ncache = %q\ntimeout = 30000\n", url)
	return files
}

// developer and ci are the user's files for a server.
func developer(url string) string { return fmt.Sprintf("[remotes.%q]\nprojects = [\"*\"]\n", url) }
func ci(url string) string        { return developer(url) + "upload = true\n" }

// uploader is CI, which has built a project with a server and uploaded all of it.
func uploader(t testing.TB, url string, files map[string]string) *tree {
	t.Helper()
	u := newUser(t, ci(url))
	u.env = append(u.env, "CI=1")
	tr := u.tree("ci", files)
	if b := tr.compile("--wait-uploads"); b.exit != 0 {
		t.Fatalf("CI: %s", b.text)
	}
	return tr
}

// reader is another user, whose folder has a longer name.
func reader(t testing.TB, url string, files map[string]string) *tree {
	t.Helper()
	return newUser(t, developer(url)).tree("a-developer/with/another-folder", files)
}

// CI uploads all with its first build, and a developer in another folder compiles nothing,
// whichever protocol they speak.
func TestRemoteServesAnotherUser(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	made := uploader(t, s.HTTP, with(s.HTTP))
	dev := reader(t, s.GRPC, with(s.GRPC))
	b := dev.compile()
	for i, name := range names {
		b.from(t, "the first build", name, ipc.TierRemote)
		if dev.read(objects[i]) != made.read(objects[i]) {
			t.Errorf("%s is not what CI made", objects[i])
		}
	}
	if len(b.notices) > 0 {
		t.Errorf("notices %q", b.notices)
	}
	dev.save("include/v.h", "inline int v() { return 5; }\n")
	dev.compile().from(t, "an edited header", "src/f.cpp", "")
	dev.prints("an edited header", "5\n")
	dev.save("include/v.h", sources()["include/v.h"])
	dev.save("src/opt.h", "#define MORE 10\n")
	dev.compile().from(t, "a header that was looked for", "src/f.cpp", "")
	dev.right("a header that was looked for", "11\n", objects...)
}

// What is not the same on another machine is either a part of the key or does not matter.
// Each change has a source of its own; tier says where the second user gets its object.
func TestRemoteOnAnotherMachine(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	files := with(s.GRPC)
	for name, text := range map[string]string{
		"src/f.cpp":       "int time_of(); int of_link(); int beyond(); extern char big[];\nint f() { return time_of() + of_link() + beyond() + big[0]; }\n",
		"src/time.cpp":    "int time_of() { return sizeof(__TIME__); }\n",
		"src/linked.cpp":  "#include \"linked.h\"\nint of_link() { return LINKED; }\n",
		"src/linked.h":    "#define LINKED 10\n",
		"src/beyond.cpp":  "#include \"sub/../number.h\"\nint beyond() { return NUMBER; }\n",
		"src/sub/kept":    "",
		"src/number.h":    "#define NUMBER 100\n",
		"other/number.h":  "#define NUMBER 300\n",
		"other/sub/kept":  "",
		"src/big.cpp":     "char big[2 << 20] = {1};\n",
		"other/locale.in": "",
	} {
		files[name] = text
	}
	uploader(t, s.GRPC, files)
	dev := reader(t, s.GRPC, files)
	dev.save("replibuild.toml", files["replibuild.toml"]+"max_blob = 1\n")
	dev.save("elsewhere/linked.h", files["src/linked.h"])
	dev.command(dev.root, "sh", "-c", "ln -sf ../elsewhere/linked.h src/linked.h && rm -r src/sub && ln -s ../other/sub src/sub && touch -d 2001-01-01 src/f.cpp")
	dev.write("more/kept", "")
	dev.env = append(dev.env, "PATH="+dev.bin+":"+dev.home+"/more:/usr/local/bin:/usr/bin:/bin")
	b := dev.compile()
	for name, tier := range map[string]string{
		"src/f.cpp":      ipc.TierRemote, // another date, and another folder in PATH
		"src/main.cpp":   ipc.TierRemote,
		"src/linked.cpp": ipc.TierRemote, // the same content by a link
		"src/time.cpp":   "",
		"src/beyond.cpp": "", // ".." leads out of the folder that a link leads to
		"src/big.cpp":    "", // larger than max_blob
	} {
		b.from(t, "another machine", name, tier)
	}
	dev.prints("another machine", "320\n") // 9 for __TIME__, 10, 300 and 1

	dev.save("extra/linked.h", "")
	dev.command(dev.root, "rm", "-rf", "build", ".replibuild")
	dev.command(dev.root, "replibuild", "cache", "clear")
	dev.env = append(dev.env, "CPATH="+dev.root+"/extra", "LC_ALL=C")
	b = dev.compile("--no-cache=false")
	b.from(t, "a variable that adds headers", "src/linked.cpp", "")
	b.from(t, "another locale", "src/f.cpp", "")
}

// Objects for this machine's processor stay here.
func TestRemoteNeverForThisProcessor(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	files := with(s.GRPC)
	files["replibuild.toml"] = strings.Replace(files["replibuild.toml"], "[compilation]", "[compilation]\ncxx_flags = [\"-march=native\"]", 1)
	tr := uploader(t, s.GRPC, files)
	if n := s.Calls("UpdateActionResult"); n > 2 { // the link is made of objects by content
		t.Errorf("%d results were uploaded", n)
	}
	tr.command(tr.root, "rm", "-rf", "build", ".replibuild")
	tr.command(tr.root, "replibuild", "cache", "clear")
	tr.compile().from(t, "-march=native", "src/f.cpp", "")
}

// A file of the system has another content for the second user, in a mount namespace.
func TestRemoteOnAnotherSystem(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %v: %s", err, out)
	}
	s := remotefake.Start(t, remotefake.Options{})
	files := with(s.GRPC)
	uploader(t, s.GRPC, files)
	dev := reader(t, s.GRPC, files)
	dev.wrap = []string{"unshare", "-m", "sh", "-c", "mount --bind '" + dev.home + "/stdio.h' /usr/include/stdio.h && exec \"$0\" \"$@\""}
	dev.write("stdio.h", readAll(t, "/usr/include/stdio.h")+"\n#define printf(f, x) printf(f, x + 70)\n")
	b := dev.compile()
	b.from(t, "another header of the C library", "src/main.cpp", "")
	b.from(t, "another header of the C library", "src/f.cpp", ipc.TierRemote)
	dev.prints("another header of the C library", "71\n")
}

// Another compiler by the same name has other results.
func TestRemoteWithAnotherCompiler(t *testing.T) {
	t.Parallel()
	real, err := exec.LookPath("g++")
	if err != nil {
		t.Skip("g++ is not installed")
	}
	s := remotefake.Start(t, remotefake.Options{})
	files := with(s.GRPC)
	files["replibuild.toml"] = strings.Replace(files["replibuild.toml"], "[compilation]", "[compilation]\ncompiler = \"g++\"", 1)
	uploader(t, s.GRPC, files)
	dev := reader(t, s.GRPC, files)
	if real, err = filepath.EvalSymlinks(real); err != nil {
		t.Fatal(err)
	}
	copyFile(t, real, filepath.Join(dev.home, "g++"))
	dev.wrap = []string{"unshare", "-m", "sh", "-c", "printf x >>'" + dev.home + "/g++' && mount --bind '" + dev.home + "/g++' '" + real + "' && exec \"$0\" \"$@\""}
	if _, stderr, exit := dev.command(dev.home, "true"); exit != 0 {
		t.Skip(stderr)
	}
	dev.compile().from(t, "another compiler", "src/f.cpp", "")
}

// Modes of outputs are those of the asking user; only whether a file is a program travels.
func TestRemoteModes(t *testing.T) {
	t.Parallel()
	s := remotefake.Start(t, remotefake.Options{})
	files := with(s.GRPC)
	ci := newUser(t, ci(s.GRPC))
	ci.env, ci.wrap = append(ci.env, "CI=1"), []string{"sh", "-c", "umask 077; exec \"$0\" \"$@\""}
	if b := ci.tree("ci", files).compile("--wait-uploads"); b.exit != 0 {
		t.Fatal(b.text)
	}
	dev := reader(t, s.GRPC, files)
	dev.wrap = []string{"sh", "-c", "umask 027; exec \"$0\" \"$@\""}
	b := dev.compile()
	for i, name := range names {
		b.from(t, "umask", name, ipc.TierRemote)
		want := map[bool]string{true: "-rwxr-x---", false: "-rw-r-----"}[objects[i] == "build/app"]
		if out, _, _ := dev.command(dev.root, "stat", "-c", "%A", objects[i]); out != want+"\n" {
			t.Errorf("%s has the mode %s, want %s", objects[i], out, want)
		}
	}
}

// Two worktrees of one user share by the store of this machine, natively and by CMake, debug
// information included.
func TestSharedByWorktrees(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"toml", "cmake"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, "[cache]\nshared = true\n")
			files, line := sources(), []string{"replibuild", "compile", "--json", "--no-daemon", "--wait-uploads"}
			object := objects[0]
			if by == "cmake" {
				if _, err := exec.LookPath("cmake"); err != nil {
					t.Skip("cmake is not installed")
				}
				files["CMakeLists.txt"] = "cmake_minimum_required(VERSION 3.13)\nproject(app CXX)\nadd_executable(app src/f.cpp src/main.cpp)\ntarget_include_directories(app PRIVATE include)\n"
				files["replibuild.toml"] = "[build]\nsystem = \"cmake\"\n"
				object = "build/CMakeFiles/app.dir/src/f.cpp.o"
			} else {
				files["replibuild.toml"] = "[project]\nname = \"app\"\n[compilation]\ndebug_paths = \"shared\"\n"
			}
			a, b := u.tree("a", files), u.tree("second/worktree", files)
			if r := a.build(line...); r.exit != 0 {
				t.Fatal(r.text)
			}
			second := b.build(line...)
			if second.exit != 0 {
				t.Fatal(second.text)
			}
			if len(second.tiers) != len(names) {
				t.Errorf("made %v, want %v", second.statuses, names)
			}
			for name, tier := range second.tiers {
				if tier != ipc.TierShared {
					t.Errorf("%s came from %q: %s", name, tier, second.text)
				}
			}
			if a.read(object) != b.read(object) {
				t.Errorf("%s differs", object)
			}
			// Clearing one project's cache leaves the store alone.
			if _, stderr, exit := b.command(b.root, "replibuild", "cache", "clear"); exit != 0 {
				t.Fatal(stderr)
			}
			b.command(b.root, "rm", "-rf", "build")
			if third := b.build(line...); third.exit != 0 || len(third.tiers) == 0 || slices.Contains(slices.Collect(maps.Values(third.tiers)), "") {
				t.Errorf("after the cache was cleared: %v: %s", third.tiers, third.text)
			}
		})
	}
}

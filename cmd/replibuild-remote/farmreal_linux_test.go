package main

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/remotefake"
)

// TestFarmOfRealProjects has a farm compile real projects beside this machine, and compares every
// file of the build folders with those of a build here. REPLIBUILD_FARM_REAL is the folder with
// the sources, as `make remote-test` sets it; what is not there is left out.
func TestFarmOfRealProjects(t *testing.T) {
	t.Parallel()
	sources := os.Getenv("REPLIBUILD_FARM_REAL")
	if sources == "" {
		t.Skip("REPLIBUILD_FARM_REAL is not set: `make remote-test` sets it")
	}
	s := remotefake.Start(t, remotefake.Options{Execution: true})
	for _, name := range []string{"leveldb", "fmt", "yaml-cpp"} {
		t.Run(name, func(t *testing.T) {
			source := filepath.Join(sources, name)
			if _, err := os.Stat(source); err != nil {
				t.Skip(err)
			}
			tr := newUser(t, executor(s.GRPC)).tree(name, nil)
			example, err := filepath.Abs(filepath.Join("../../examples", name))
			if err != nil {
				t.Fatal(err)
			}
			if _, stderr, exit := tr.command(tr.home, "sh", "-c", "cp -r '"+source+"' "+name+" && cp '"+example+"'/* "+name); exit != 0 {
				t.Fatal(stderr)
			}
			plain := tr.read("replibuild.toml")
			tr.save("replibuild.toml", plain+"\n[remote]\nexecute = \""+s.GRPC+"\"\ntoolchain = \"worker\"\njobs = 2\n")
			b := tr.compile("-j", "1")
			there, here := 0, 0
			for unit, reason := range b.reasons {
				switch {
				case strings.Contains(reason, "compiled on the build farm"):
					there++
				case b.statuses[unit] == "compiled":
					here++
				}
			}
			if b.exit != 0 || there == 0 || len(b.notices) > 0 {
				t.Fatalf("exit %d, %d units were compiled on the farm and %d here; notices %q: %s", b.exit, there, here, b.notices, b.text)
			}
			made := tr.built()
			tr.save("replibuild.toml", plain)
			tr.forget()
			if b := tr.compile("--no-cache"); b.exit != 0 {
				t.Fatal(b.text)
			}
			for file, sum := range tr.built() {
				if made[file] != sum {
					t.Errorf("%s is not what a build here makes", file)
				}
			}
			t.Logf("%d units were compiled on the farm, %d here; %d files are compared", there, here, len(made))
		})
	}
}

// built is the content of each object, archive and program in the build folder.
func (tr *tree) built() map[string][32]byte {
	tr.t.Helper()
	all := map[string][32]byte{}
	root := filepath.Join(tr.root, "build")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		all[name] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	return all
}

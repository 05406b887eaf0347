package setup

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestReadBuildSystem reads [build] in each spelling that TOML has for it, and defaults.
func TestReadBuildSystem(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	elsewhere, _ := filepath.EvalSymlinks(filepath.Join(root, "elsewhere"))
	ninja := BuildSystem{Root: root, System: SystemNinja, SourceDir: root, BuildDir: filepath.Join(root, "build"), Targets: []string{}}
	with := func(change func(*BuildSystem)) *BuildSystem {
		b := ninja
		change(&b)
		return &b
	}
	for _, c := range []struct {
		text string
		want *BuildSystem
	}{
		{"[build]\nsystem = 'ninja'\n", &ninja},
		{"  [ build ]\n system='ninja'", &ninja},
		{"[\"build\"]\nsystem = 'ninja'", &ninja},
		{"build = { system = 'ninja' }", &ninja},
		{"build.system = 'ninja'", &ninja},
		{"'build' . system = 'ninja'", &ninja},
		{"[project]\nname = 'build'\n[output]\noutput_dir = 'build'\n", nil},
		{"[builds]\nsystem = 'ninja'\n", nil},
		{"[build\nsystem = 'ninja'\n", nil}, // no TOML: the plan's mistake
		{"", nil},
		{"[build]\nsystem = 'ninja'\nbuild_dir = 'elsewhere/b'\ntargets = ['a']\n[build.environment]\nB = '2'\nA = '1'\n", with(func(b *BuildSystem) {
			b.BuildDir, b.Targets, b.Environment = filepath.Join(elsewhere, "b"), []string{"a"}, []string{"B=2", "A=1"}
		})},
		{"[build]\nsystem = 'make'\nsource_dir = 'src'\nmake_options = ['-j2']\n", with(func(b *BuildSystem) {
			b.System, b.SourceDir, b.BuildDir, b.Options = SystemMake, filepath.Join(root, "src"), filepath.Join(root, "src"), []string{"-j2"}
		})},
	} {
		if err := os.WriteFile(filepath.Join(root, configFile), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadBuildSystem(root, os.Environ())
		if c.want != nil && c.want.System == SystemMake && lookIn(os.Environ(), SystemMake) == "" {
			err = nil // said, and no matter here
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", c.text, got, err, c.want)
		}
	}
}

func TestEnvironmentOfBuild(t *testing.T) {
	t.Parallel()
	b := BuildSystem{Environment: []string{"CC=clang", "EMPTY="}}
	got := b.Env([]string{"A=1", "CC=gcc", "EMPTY=no", "CCC=x"})
	if want := []string{"A=1", "CCC=x", "CC=clang", "EMPTY="}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

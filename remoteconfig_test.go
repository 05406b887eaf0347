package replibuild_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/userconfig"
)

// write writes files beneath dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Which remote cache a project may use follows both files at once, without a restart; a
// build folder belongs to the project that names it.
func TestRemoteCache(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	write(t, root, map[string]string{
		"replibuild.toml":               "[build]\nsystem = \"ninja\"\nbuild_dir = \"out/debug\"\n[remote]\ncache = \"grpc://cache:9092\"\nupload = \"always\"\n",
		"out/debug/build.ninja":         "",
		"other/build.ninja":             "",
		"out/debug/.replibuild/state/x": "", "other/.replibuild/state/x": "",
	})
	open := func(dir string) *replibuild.Project {
		p, err := replibuild.Open(filepath.Join(root, dir), replibuild.Options{Env: append(os.Environ(), "CI=", "REPLIBUILD_HOME="+home)})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	project, folder, other := open("."), open("out/debug"), open("other")
	for _, p := range []*replibuild.Project{project, folder} {
		if c, why := p.RemoteCache(); c.URL != "" || !strings.Contains(why, `write [remotes."grpc://cache:9092"]`) {
			t.Errorf("without the user's file %s uses %q: %s", p.Root(), c.URL, why)
		}
	}
	write(t, home, map[string]string{userconfig.FileName: "[remotes.\"grpc://cache:9092\"]\nprojects = [\"" + root + "\"]\nupload = true\n"})
	for _, p := range []*replibuild.Project{project, folder} {
		if c, why := p.RemoteCache(); c.URL != "grpc://cache:9092" || !c.Upload {
			t.Errorf("%s uses %q: %s", p.Root(), c.URL, why)
		}
	}
	if c, why := other.RemoteCache(); c.URL != "" || why != "no remote cache is configured" {
		t.Errorf("a folder that no project names uses %q: %s", c.URL, why)
	}
	write(t, home, map[string]string{userconfig.FileName: "[remotes]\nx = 1\n"})
	if c, why := project.RemoteCache(); c.URL != "" || !strings.Contains(why, "config.toml") {
		t.Errorf("with a mistake in the user's file the project uses %q: %s", c.URL, why)
	}
	reply, err := project.Validate(t.Context())
	if err != nil || len(reply.Problems) == 0 || !strings.Contains(reply.Problems[len(reply.Problems)-1].File, userconfig.FileName) {
		t.Errorf("the check of the configuration: %v, %v", reply.Problems, err)
	}
}

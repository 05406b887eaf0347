package setup

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/remotecache"
)

func TestReadRemote(t *testing.T) {
	t.Parallel()
	whole := &remotecache.Project{Cache: "grpcs://h", Instance: "a/b", Upload: "always", Timeout: 50 * time.Millisecond, MaxBlob: 3 << 20, Compression: "none"}
	farm := &remotecache.Project{Execute: "grpc://h:1", Toolchain: "worker", Platform: map[string]string{"OSFamily": "Linux", "a-b": ""}, Jobs: 7}
	for _, c := range []struct {
		name, text string
		want       *remotecache.Project
	}{
		{"none", "[project]\nname = \"remote\"\n", nil},
		{"whole", "[remote]\ncache = \"grpcs://h\"\ninstance = \"a/b\"\nupload = \"always\"\ntimeout = 50\nmax_blob = 3\ncompression = \"none\"\n", whole},
		{"farm", "[remote]\nexecute = \"grpc://h:1\"\ntoolchain = \"worker\"\nplatform = { OSFamily = \"Linux\", a-b = \"\" }\njobs = 7\n", farm},
		{"inline", "remote = {cache = \"http://h/x\"}\n", &remotecache.Project{Cache: "http://h/x"}},
		{"dotted", "remote.upload = \"never\"\n", &remotecache.Project{Upload: "never"}},
		{"beside build", "[build]\nsystem = \"cmake\"\n[ remote ]\ncache = \"http://h\"\n", &remotecache.Project{Cache: "http://h"}},
		{"mistake elsewhere", "[project]\nnmae = 1\n[remote]\ncache = \"http://h\"\n", &remotecache.Project{Cache: "http://h"}},
		{"mistake", "[remote]\ncache = \"http://h\"\ntimeout = \"1s\"\n", nil},
		{"not TOML", "[remote\n", nil},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, configFile), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ReadRemote(root); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestMistakesInRemote(t *testing.T) {
	t.Parallel()
	ps := &problems{}
	readProject(parseDocument(configFile, `[remote]
cache = "grpc://user:hush@h:1"
upload = "allways"
timeout = 60001
compresion = "none"
execute = "https://h"
toolchain = "mine"
platform = { OSFamily = 1 }
jobs = 10001
`, ps), "linux", ps)
	var all []string
	for _, p := range ps.sorted() {
		all = append(all, strings.TrimPrefix(p.String(), configFile+":"))
	}
	want := []string{
		`2:9: remote.cache cannot be used: the URL holds a user or a password; credentials belong in headers of config.toml (write cache = "grpc://HOST:PORT")`,
		`3:10: remote.upload is "allways", which is not one of its values (did you mean always?)`,
		`4:11: remote.timeout is 60001, which is not between 0 and 60000`,
		`5:1: unknown key remote.compresion (did you mean compression?)`,
		`6:11: remote.execute is "https://h", and commands are executed over grpc:// and grpcs:// only (write execute = "grpc://HOST:PORT")`,
		`7:13: remote.toolchain is "mine", which is not one of its values (one of: shipped, worker)`,
		`8:25: remote.platform.OSFamily wants a string, not the number 1 (write "1")`,
		`9:8: remote.jobs is 10001, which is not between 0 and 10000`,
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
}

package userconfig

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// load reads text as a config.toml.
func load(t *testing.T, text string) (Config, []ipc.Problem) {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(Path(home), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(home)
	var e *ipc.Error
	switch {
	case err == nil:
		return c, nil
	case !errors.As(err, &e) || e.Code != ipc.CodeConfig || e.Hint == "" || len(e.Problems) == 0:
		t.Fatalf("load: %#v", err)
	}
	return c, e.Problems
}

const whole = `
[cache]
shared = true
shared_size = 100
shared_ttl = 60

[remotes."grpcs://Cache.Example.com"]
projects = ["*"]
upload = true
execute = true
headers = { authorization = "Bearer secret" }
tls_ca = "/etc/ca.pem"
tls_cert = "/etc/cert.pem"
tls_key = "/etc/key.pem"

[remotes."http://127.0.0.1:8080"]
projects = ["/home/me/work"]
default = true
instance = "main"
`

func TestWholeFile(t *testing.T) {
	t.Parallel()
	c, problems := load(t, whole)
	want := Config{
		Cache: Cache{Shared: true, SharedSize: 100, SharedTTL: 60},
		Remotes: []Remote{
			{URL: "grpcs://cache.example.com:443", Projects: []string{"*"}, Upload: true, Execute: true,
				Headers: map[string]string{"authorization": "Bearer secret"}, TLSCA: "/etc/ca.pem", TLSCert: "/etc/cert.pem", TLSKey: "/etc/key.pem"},
			{URL: "http://127.0.0.1:8080", Projects: []string{"/home/me/work"}, Default: true, Instance: "main"},
		},
	}
	if len(problems) > 0 || !reflect.DeepEqual(c, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", problems, c, want)
	}
	if c.Cache.MaxBytes() != 100<<20 || c.Cache.TTL() != time.Minute {
		t.Errorf("the store may take %d bytes for %v", c.Cache.MaxBytes(), c.Cache.TTL())
	}
	missing, err := Load(t.TempDir())
	if err != nil || !reflect.DeepEqual(missing, Default()) {
		t.Errorf("missing file: %+v, %v", missing, err)
	}
}

func TestEveryMistakeIsReportedWhereItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string // "line:column: part of the message"
	}{
		{"not TOML", "[cache\n", []string{"1:7: not valid TOML"}},
		{"unknown table", "[remote]\n", []string{"1:1: unknown key remote (did you mean remotes?)"}},
		{"unknown key", "[cache]\nshared_tll = 3\n", []string{"2:1: unknown key cache.shared_tll (did you mean shared_ttl?)"}},
		{"far key", "[cache]\nzzzzzzzzz = 3\n", []string{"2:1: unknown key cache.zzzzzzzzz (known keys: shared, shared_size, shared_ttl)"}},
		{"types", "[cache]\nshared = 1\nshared_size = \"1 GB\"\n", []string{"2:10: cache.shared wants true or false", "3:15: cache.shared_size wants a whole number"}},
		{"range", "[cache]\nshared_ttl = -1\n", []string{"2:14: cache.shared_ttl is -1, which is not between 0 and"}},
		{"value for a table", "remotes = 3\n", []string{"1:11: remotes wants a table, not the number 3"}},
		{"scheme", "[remotes.\"redis://h:1\"]\nprojects = [\"*\"]\n", []string{`1:1: remotes."redis://h:1": the scheme "redis" is unknown; a remote begins with one of grpc://`}},
		{"no host", "[remotes.\"grpc://:1\"]\n", []string{`1:1: remotes."grpc://:1": "grpc://:1" names no host`}},
		{"twice", "[remotes.\"grpc://h:1\"]\n[remotes.\"grpc://H:1\"]\n", []string{"2:1: remotes.\"grpc://H:1\" names the same server"}},
		{"relative", "[remotes.\"grpc://h:1\"]\nprojects = [\"*\", \"work\"]\ntls_ca = \"ca.pem\"\n", []string{`2:18: remotes."grpc://h:1".projects[1] is "work", which is not an absolute path`, "3:10:"}},
		{"half a certificate", "[remotes.\"grpcs://h\"]\ntls_key = \"/k\"\n", []string{"1:1: remotes.\"grpcs://h\" has only one of tls_cert and tls_key"}},
		{"two defaults", "[remotes.\"grpc://a:1\"]\nprojects = [\"/w/x\"]\ndefault = true\n[remotes.\"grpc://b:1\"]\nprojects = [\"/w\"]\ndefault = true\n", []string{"4:1: remotes.\"grpc://b:1\" is the default"}},
		{"no project", "[remotes.\"grpc://a:1\"]\nupload = true\n", []string{"1:1: remotes.\"grpc://a:1\" allows no project"}},
		{"header", "[remotes.\"grpc://a:1\".headers]\n\"a b\" = \"x\"\nc = 1\nd = \"hush\\n\"\n", []string{"2:1:", "3:1:", "4:1:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := load(t, c.text)
			if len(problems) != len(c.want) {
				t.Fatalf("%d problems, want %d: %v", len(problems), len(c.want), problems)
			}
			for i, p := range problems {
				if got := strings.TrimPrefix(p.String(), p.File+":"); !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("got  %s\nwant %s", got, c.want[i])
				}
				if strings.Contains(p.String(), "hush") {
					t.Errorf("a problem has the value of a header: %s", p)
				}
			}
		})
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(root), link); err != nil {
		t.Fatal(err)
	}
	const server = "grpc://cache:9092"
	wish := remotecache.Project{Cache: server, Instance: "main", Upload: remotecache.UploadAlways, Timeout: time.Second, MaxBlob: 7, Compression: "none"}
	remote := Remote{URL: server, Projects: []string{root}, Upload: true, Headers: map[string]string{"authorization": "x"}}
	with := func(change func(*Remote, *remotecache.Project)) (*remotecache.Project, Config) {
		r, w := remote, wish
		change(&r, &w)
		return &w, Config{Remotes: []Remote{{URL: "grpc://other:1", Projects: []string{"*"}}, r}}
	}
	for _, c := range []struct {
		name   string
		change func(*Remote, *remotecache.Project)
		ci     bool
		used   bool
		upload bool
		why    string
	}{
		{"allowed", func(*Remote, *remotecache.Project) {}, false, true, true, "read and write"},
		{"all projects", func(r *Remote, _ *remotecache.Project) { r.Projects = []string{"*"} }, false, true, true, "read and write"},
		{"folder by a link", func(r *Remote, _ *remotecache.Project) { r.Projects = []string{link} }, false, true, true, "read and write"},
		{"another folder", func(r *Remote, _ *remotecache.Project) { r.Projects = []string{root + "x"} }, false, false, false, "does not allow it for " + root},
		{"no folder", func(r *Remote, _ *remotecache.Project) { r.Projects = nil }, false, false, false, "add the folder to projects"},
		{"another port", func(_ *Remote, w *remotecache.Project) { w.Cache = "grpc://cache:9093" }, false, false, false, `write [remotes."grpc://cache:9093"]`},
		{"another scheme", func(_ *Remote, w *remotecache.Project) { w.Cache = "grpcs://cache:9092" }, false, false, false, "does not allow it"},
		{"uploads not allowed", func(r *Remote, _ *remotecache.Project) { r.Upload = false }, false, true, false, "no upload = true"},
		{"uploads not wished", func(_ *Remote, w *remotecache.Project) { w.Upload = remotecache.UploadNever }, true, true, false, `upload = "never"`},
		{"uploads in CI, here", func(_ *Remote, w *remotecache.Project) { w.Upload = "" }, false, true, false, "uploads are for CI"},
		{"uploads in CI, there", func(_ *Remote, w *remotecache.Project) { w.Upload = remotecache.UploadCI }, true, true, true, "read and write"},
		{"uploads in CI, not allowed", func(r *Remote, w *remotecache.Project) { r.Upload, w.Upload = false, "" }, true, true, false, "no upload = true"},
		{"no URL", func(_ *Remote, w *remotecache.Project) { w.Cache = "cache:9092" }, false, false, false, "has no scheme"},
		{"none wished", func(_ *Remote, w *remotecache.Project) { *w = remotecache.Project{} }, false, false, false, "no remote cache is configured"},
		{"default", func(r *Remote, w *remotecache.Project) { r.Default, w.Cache = true, "" }, false, true, true, "read and write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, user := with(c.change)
			got, why := Decide(p, user, root, c.ci)
			if (got.URL != "") != c.used || got.Upload != c.upload || !strings.Contains(why, c.why) {
				t.Errorf("got %q, upload %v: %s", got.URL, got.Upload, why)
			}
			if !c.used && len(got.Headers) > 0 {
				t.Error("a remote that is off has headers")
			}
			if c.used && (got.Headers["authorization"] != "x" || got.Instance != "main" || got.MaxBlob != 7 || got.Timeout != time.Second || got.Compression != "none") {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got, _ := Decide(nil, Config{Remotes: []Remote{{URL: server, Projects: []string{"*"}, Default: true, Instance: "i"}}}, root, false); got.URL != server || got.Instance != "i" {
		t.Errorf("a project without a file gets %+v", got)
	}
}

// A farm has to be allowed apart from the cache on the same server.
func TestDecideFarm(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	remote := Remote{URL: "grpc://farm:1", Projects: []string{root}, Execute: true, Headers: map[string]string{"a": "x"}}
	for _, c := range []struct {
		name   string
		change func(*Remote, *remotecache.Project)
		why    string // "" = it is allowed
	}{
		{"allowed", func(*Remote, *remotecache.Project) {}, ""},
		{"not wished", func(_ *Remote, w *remotecache.Project) { w.Execute = "" }, "no build farm is configured"},
		{"cache only", func(r *Remote, _ *remotecache.Project) { r.Execute = false }, `write execute = true in [remotes."grpc://farm:1"]`},
		{"another folder", func(r *Remote, _ *remotecache.Project) { r.Projects = []string{root + "x"} }, "does not allow it"},
		{"another server", func(_ *Remote, w *remotecache.Project) { w.Execute = "grpc://farm:2" }, `write [remotes."grpc://farm:2"]`},
		{"no URL", func(_ *Remote, w *remotecache.Project) { w.Execute = "farm" }, "remote.execute: "},
	} {
		r, wish := remote, remotecache.Project{Cache: "grpc://cache:1", Execute: "grpc://farm:1", Instance: "i", Upload: "always", Platform: map[string]string{"p": "q"}}
		c.change(&r, &wish)
		f, why := DecideFarm(&wish, Config{Remotes: []Remote{r}}, root)
		switch {
		case c.why != "" && (f.URL != "" || f.Headers != nil || !strings.Contains(why, c.why)):
			t.Errorf("%s: %q, %s", c.name, f.URL, why)
		case c.why == "" && (f.URL != "grpc://farm:1" || !f.Execute || f.Upload || f.Instance != "i" || f.Toolchain != "shipped" || f.Jobs != 16 || f.Platform["p"] != "q" || f.Headers["a"] != "x"):
			t.Errorf("%s: %+v, %s", c.name, f, why)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(whole)
	f.Add("[remotes]\n\"grpc://a:1\" = {projects = [1, {d = 2}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := parse("f", text)
		if len(problems) == 0 && slices.ContainsFunc(c.Remotes, func(r Remote) bool { return r.URL == "" }) {
			t.Errorf("a remote without a URL: %+v", c)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 1 || p.Line > 2+strings.Count(text, "\n") || p.Column < 1 {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

package setup

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/remotecache"
)

// remoteTable is [remote] as it was written.
type remoteTable struct {
	cache, instance, upload, compression word
	timeout, maxBlob                     int // ms, MB; 0 = the default

	execute, toolchain word
	platform           map[string]string
	jobs               int // 0 = the default
}

// mayHaveRemote finds every file with a [remote] in any spelling. It spares other projects
// the reading of the file in each build.
var mayHaveRemote = lazyregexp.New(`(?m)^[ \t]*\[?[ \t]*["']?remote["']?[ \t]*[].=]`)

// ReadRemote reads [remote] of the replibuild.toml in root: what the project wishes of a
// remote cache, nil if nothing. A table with a mistake wishes nothing; the plan
// reports the mistake. The file is read anew at each call.
func ReadRemote(root string) *remotecache.Project {
	text, err := os.ReadFile(filepath.Join(root, configFile))
	if err != nil || !mayHaveRemote().Match(text) {
		return nil
	}
	var t remoteTable
	if !readTable(string(text), "remote", func(r *reader, n node) { t = r.remote(n) }) {
		return nil
	}
	return t.project()
}

// ReadShared reports whether the replibuild.toml in root has [cache] shared = true, for build
// folders, which have no plan. A table with a mistake says nothing.
func ReadShared(root string) bool {
	text, err := os.ReadFile(filepath.Join(root, configFile))
	var p project
	return err == nil && readTable(string(text), "cache", func(r *reader, n node) { r.cache(n, &p) }) && p.shared.or(false)
}

// readTable reads one table of a document, and reports whether it is there and has no mistake.
func readTable(text, name string, read func(*reader, node)) bool {
	ps := &problems{}
	d := parseDocument(configFile, text, ps)
	if d == nil {
		return false
	}
	n, there := d.tree[name]
	if there {
		read(&reader{ps}, node{location{doc: d, path: d.root().path.Child(name)}, n})
	}
	return there && len(ps.list) == 0
}

const (
	maxTimeout = 60_000  // ms
	maxMaxBlob = 1 << 20 // MB, a terabyte

	maxFarmJobs = 10_000
)

// remote reads the table.
func (r *reader) remote(n node) remoteTable {
	var t remoteTable
	r.table(n, fields{
		"cache":       r.word(&t.cache, remoteURL),
		"instance":    r.word(&t.instance, remotecache.CheckInstance),
		"upload":      r.word(&t.upload, oneOf(remotecache.UploadNever, remotecache.UploadCI, remotecache.UploadAlways)),
		"timeout":     r.number(&t.timeout, maxTimeout),
		"max_blob":    r.number(&t.maxBlob, maxMaxBlob),
		"compression": r.word(&t.compression, oneOf(remotecache.CompressionZstd, remotecache.CompressionNone)),
		"execute":     r.word(&t.execute, farmURL),
		"toolchain":   r.word(&t.toolchain, oneOf(remotecache.ToolchainShipped, remotecache.ToolchainWorker)),
		"platform":    func(n node) { t.platform = r.properties(n) },
		"jobs":        r.number(&t.jobs, maxFarmJobs),
	})
	return t
}

func remoteURL(text string) (message, suggestion string) {
	if _, err := remotecache.Origin(text); err != nil {
		return "cannot be used: " + err.Error(), `write cache = "grpc://HOST:PORT"`
	}
	return "", ""
}

// farmURL is remoteURL for a server that executes commands: HTTP has no way to do that.
func farmURL(text string) (message, suggestion string) {
	suggestion = `write execute = "grpc://HOST:PORT"`
	switch origin, err := remotecache.Origin(text); {
	case err != nil:
		return "cannot be used: " + err.Error(), suggestion
	case !strings.HasPrefix(origin, "grpc"):
		return fmt.Sprintf("is %q, and commands are executed over grpc:// and grpcs:// only", text), suggestion
	}
	return "", ""
}

// properties reads a table of texts.
func (r *reader) properties(n node) map[string]string {
	all := map[string]string{}
	tree, ok := n.value.(map[string]any)
	if !ok {
		r.wrongType(n, "a table of strings", `write platform = { OSFamily = "Linux" }`)
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		var value word
		r.word(&value)(node{location{doc: n.doc, path: n.path.Child(key)}, tree[key]})
		all[key] = value.text
	}
	return all
}

// project gives the table's values.
func (t remoteTable) project() *remotecache.Project {
	return &remotecache.Project{
		Cache: t.cache.text, Instance: t.instance.text, Upload: t.upload.text, Compression: t.compression.text,
		Timeout: time.Duration(t.timeout) * time.Millisecond, MaxBlob: int64(t.maxBlob) << 20,
		Execute: t.execute.text, Toolchain: t.toolchain.text, Platform: t.platform, Jobs: t.jobs,
	}
}

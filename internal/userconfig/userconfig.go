// Package userconfig is config.toml in RepliBuild's own folder (REPLIBUILD_HOME): what one
// user allows for all projects. It is the only file that may hold credentials, because a
// repository that was cloned must not be able to send them anywhere.
package userconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// FileName is the file's name in RepliBuild's own folder.
const FileName = "config.toml"

// Path returns where the file is for RepliBuild's own folder home.
func Path(home string) string { return filepath.Join(home, FileName) }

// Config is the file, defaults filled in.
type Config struct {
	Cache   Cache
	Remotes []Remote // in the order of the file
}

// Cache is the table [cache]: the store that this user's projects share.
type Cache struct {
	Shared     bool // whether projects look there and store there
	SharedSize int  // MB that the store may take, 0 = no limit
	SharedTTL  int  // seconds after its last use that an entry is kept, 0 = for ever
}

// MaxBytes is SharedSize in bytes, 0 = no limit.
func (c Cache) MaxBytes() int64 { return int64(c.SharedSize) << 20 }

// TTL is SharedTTL as a duration, 0 = for ever.
func (c Cache) TTL() time.Duration { return time.Duration(c.SharedTTL) * time.Second }

// Remote is one table [remotes."URL"]: a server, and what projects may do there.
type Remote struct {
	URL      string            // scheme, host and port, in the form of [remotecache.Origin]
	Projects []string          // "*" for all, else absolute folders: these and all beneath them
	Default  bool              // also for allowed projects that name no remote of their own
	Upload   bool              // results may be stored there
	Execute  bool              // commands may be sent there to be executed
	Headers  map[string]string // sent with each call, such as an authorization
	TLSCA    string            // file of certificates to trust instead of the system's
	TLSCert  string            // file with the certificate of this client
	TLSKey   string            // file with its private key
	Instance string            // of a default remote; a project's own wins
}

// The defaults of [cache].
const (
	defaultSharedSize = 4096
	defaultSharedTTL  = 7 * 24 * 3600
)

// Default is what a missing or empty file means.
func Default() Config {
	return Config{Cache: Cache{SharedSize: defaultSharedSize, SharedTTL: defaultSharedTTL}}
}

// Load reads the file of RepliBuild's own folder home; a missing one means the defaults. All
// mistakes come at once, as the Problems of one [ipc.Error] with CodeConfig.
func Load(home string) (Config, error) {
	path := Path(home)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // the problem has the path
		}
		return Default(), failure([]ipc.Problem{{File: path, Message: "cannot be read: " + err.Error()}})
	}
	c, problems := parse(path, string(data))
	if len(problems) > 0 {
		return Default(), failure(problems)
	}
	return c, nil
}

func failure(problems []ipc.Problem) error {
	e := ipc.Errorf(ipc.CodeConfig, "%s", problems[0])
	if n := len(problems); n > 1 {
		e = ipc.Errorf(ipc.CodeConfig, "%s has %d mistakes, the first: %s", problems[0].File, n, problems[0])
	}
	e = e.WithHint("docs/configuration.md explains the keys")
	e.Problems = problems
	return e
}

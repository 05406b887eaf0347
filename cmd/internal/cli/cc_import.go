package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// ccacheConf is where ccache has its configuration, in its own order
// (https://ccache.dev/manual/4.7.html, "Location of the configuration file").
func (a *app) ccacheConf() (places []string) {
	env := func(name string) string { return ipc.EnvValue(a.Env, name) }
	if path := env("CCACHE_CONFIGPATH"); path != "" {
		return []string{path}
	}
	if dir := env("CCACHE_DIR"); dir != "" {
		return []string{filepath.Join(dir, "ccache.conf")}
	}
	home := env("HOME")
	config := env("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	return []string{filepath.Join(home, ".ccache", "ccache.conf"), filepath.Join(config, "ccache", "ccache.conf")}
}

// importCcacheConf takes over the size of ccache's cache, and says what the other settings
// come to.
func (a *app) importCcacheConf(ctx context.Context) error {
	places := a.ccacheConf()
	for _, path := range places {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return ipc.Errorf(ipc.CodeUnavailable, "read ccache's configuration: %v", err)
		}
		a.printf("%s:\n", path)
		return a.importSettings(ctx, string(text))
	}
	return ipc.Errorf(ipc.CodeBadRequest, "ccache has no configuration at %s", strings.Join(places, " or ")).
		WithHint("set CCACHE_CONFIGPATH to its path; `replibuild cc --max-size 5G` sets the size by hand")
}

func (a *app) importSettings(ctx context.Context, text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key != "max_size" {
			a.printf("  %s = %s: %s\n", key, value, settingHere(key))
			continue
		}
		if err := a.setMaxSize(ctx, value); err != nil {
			return err
		}
		a.printf("  %s = %s: taken over\n", key, value)
	}
	return nil
}

// settingHere says what a setting of ccache comes to.
func settingHere(key string) string {
	switch key {
	case "base_dir", "hash_dir":
		return "not needed: a folder has results of its own, and names of outputs do not count where they cannot matter"
	case "sloppiness":
		return "not taken over: every input counts, by content"
	case "compiler_check":
		return "not needed: the compiler and its libraries count by content"
	case "direct_mode", "depend_mode", "run_second_cpp", "inode_cache":
		return "not needed: inputs are found by tracing"
	case "compression", "compression_level":
		return "not needed: blobs are not compressed, so that they can be cloned"
	case "remote_storage", "secondary_storage":
		return "has no counterpart: the user's cache is local"
	}
	return "has no counterpart"
}

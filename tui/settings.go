package tui

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/RepliBuild/replibuild/ipc"
)

// Settings is tui.toml.
type Settings struct {
	Theme string              `toml:"theme"` // "auto", "dark" or "light"
	ASCII bool                `toml:"ascii"`
	Mouse *bool               `toml:"mouse"` // nil = on
	Keys  map[string][]string `toml:"keys"`  // action → keys
}

// LoadSettings reads the file at path; a missing one means the defaults.
func LoadSettings(path string) (Settings, error) {
	var s Settings
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, ipc.Errorf(ipc.CodeConfig, "%v", err)
	}
	meta, err := toml.Decode(string(text), &s)
	if err != nil {
		return s, ipc.Errorf(ipc.CodeConfig, "%s: %s", path, strings.TrimPrefix(err.Error(), "toml: "))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, ipc.Errorf(ipc.CodeConfig, "%s: there is no setting %s", path, unknown[0]).
			WithHint("the settings are theme, ascii, mouse and [keys]; docs/keys.md has an example")
	}
	if _, err := NewKeymap(s.Keys); err != nil {
		return s, ipc.Errorf(ipc.CodeConfig, "%s: %v", path, err).WithHint("docs/keys.md lists actions and keys")
	}
	return s, CheckTheme(s.Theme)
}

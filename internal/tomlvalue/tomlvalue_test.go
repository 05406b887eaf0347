package tomlvalue

import (
	"testing"

	"github.com/BurntSushi/toml"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"true": "true", "3": "the number 3", "0.5": "the fraction 0.5", `"x y"`: `the string "x y"`, "[1]": "a list", "[{}]": "a list",
		"{a = 1}": "a table", "2026-11-29": "a date or time (2026-11-29 00:00:00 +0000 date-local)",
	} {
		var file map[string]any
		if _, err := toml.Decode("key = "+text, &file); err != nil {
			t.Fatal(err)
		}
		if got := Describe(file["key"]); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// Package tomlvalue says what a decoded TOML value is, for messages about wrong types.
package tomlvalue

import "fmt"

// Describe says what a value is, in words: "the number 3", "a list". The value is what
// github.com/BurntSushi/toml decodes into an any.
func Describe(v any) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the fraction %v", v)
	case string:
		return fmt.Sprintf("the string %q", v)
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return fmt.Sprintf("a date or time (%v)", v)
}

package ipc

import "strings"

// EnvValue returns the value of key in a KEY=VALUE list, "" if it is not set.
func EnvValue(env []string, key string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}

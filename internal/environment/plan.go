package environment

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Bare is the environment of a caller who brings none.
func Bare() []string { return []string{barePath} }

const barePath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// WithPath returns an environment that has a PATH.
func WithPath(env []string) []string {
	if _, set := New(env).values["PATH"]; set {
		return env
	}
	return append(slices.Clip(env), barePath)
}

// PlanDigest is a hash of the variables that a plan depends on: those of [ForPlan], and if
// whole is set everything but what belongs to the session.
func PlanDigest(env []string, whole bool) string {
	parts := ForPlan(env)
	if whole {
		parts = append(parts, New(env).Text(Whole))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Package environment says which of a caller's variables count for a build, and how
// records keep what a variable was.
//
// Commands get the caller's whole environment ([ForCommands]). Which of it is an input is
// found by tracing: a variable that a process asked for. A shell or an interpreter reads
// everything; of that all counts but what only says who asks for the build ([IsSession]).
package environment

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

// Variables is an environment that is asked many times. It may be used by many goroutines.
type Variables struct {
	values map[string]string

	mu    sync.Mutex
	texts map[string]string // by pattern
}

// New takes an environment (KEY=VALUE); the last of several equal keys counts.
func New(env []string) *Variables {
	v := &Variables{values: make(map[string]string, len(env)), texts: make(map[string]string)}
	for _, kv := range env {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" {
			v.values[name] = value
		}
	}
	return v
}

// Patterns of [Variables.Text].
const (
	// Whole is every variable but those of the session.
	Whole = "*"
	// Locale is what the C library takes the language from, beside LANG and LANGUAGE.
	Locale = "LC_*"
	// Loader is what the dynamic loader reads.
	Loader = "LD_*"
)

// Unset is the text of a variable that is not there.
const Unset = "unset"

// Text is what records keep of a variable, by name, or of all whose names fit a pattern:
// one that ends in "*", which stands for any rest. Variables of the session are none of
// these. Equal texts mean equal values. A value
// that is long, or whose name says that it is a secret, is kept as a hash.
func (v *Variables) Text(pattern string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	text, known := v.texts[pattern]
	if !known {
		text = v.text(pattern)
		v.texts[pattern] = text
	}
	return text
}

func (v *Variables) text(pattern string) string {
	prefix, isGroup := strings.CutSuffix(pattern, "*")
	if !isGroup {
		value, set := v.values[pattern]
		if !set {
			return Unset
		}
		return valueText(pattern, value)
	}
	var all []string
	for name, value := range v.values {
		if strings.HasPrefix(name, prefix) && !IsSession(name) && !isNormalised(name) {
			all = append(all, name+valueText(name, value))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\x00")
}

// maxKept is how long a value may be that is kept as it is, in bytes.
const maxKept = 256

// valueText is "=" and the value, or "#" and a hash of it.
func valueText(name, value string) string {
	if len(value) <= maxKept && !isSecret(name) {
		return "=" + value
	}
	sum := sha256.Sum256([]byte(name + "\x00" + value))
	return "#" + hex.EncodeToString(sum[:16])
}

// secretNames are parts of the names of variables that hold what nobody else may know.
var secretNames = [...]string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "COOKIE"}

// WithoutSecrets is an environment as it may be kept in a file: without the variables whose
// names say that they are secret. all reports whether nothing was left out.
func WithoutSecrets(env []string) (kept []string, all bool) {
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); !isSecret(name) {
			kept = append(kept, kv)
		}
	}
	return kept, len(kept) == len(env)
}

func isSecret(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc(secretNames[:], func(part string) bool { return strings.Contains(name, part) })
}

// Change is how a variable differs between two texts of one pattern.
type Change struct {
	Name     string
	Old, New State
}

// State is what is known of a variable. Value is there if it is Set and Kept.
type State struct {
	Set, Kept bool
	Value     string
}

// Difference returns the first variable, by name, in which two texts of a pattern differ.
func Difference(pattern, old, now string) Change {
	if !strings.HasSuffix(pattern, "*") {
		return Change{pattern, stateOf(old, old != Unset), stateOf(now, now != Unset)}
	}
	before, after := group(old), group(now)
	name, differs := "", false
	for _, texts := range []map[string]string{before, after} {
		for n := range texts {
			was, had := before[n]
			is, has := after[n]
			if (was != is || had != has) && (!differs || n < name) {
				name, differs = n, true
			}
		}
	}
	if !differs {
		return Change{Name: pattern}
	}
	was, had := before[name]
	is, has := after[name]
	return Change{name, stateOf(was, had), stateOf(is, has)}
}

func stateOf(text string, set bool) State {
	value, kept := strings.CutPrefix(text, "=")
	if !set || !kept {
		return State{Set: set}
	}
	return State{Set: true, Kept: true, Value: value}
}

// group reads the text of several variables.
func group(text string) map[string]string {
	m := make(map[string]string)
	for _, entry := range strings.Split(text, "\x00") {
		if at := strings.IndexAny(entry, "=#"); at >= 0 {
			m[entry[:at]] = entry[at:]
		}
	}
	return m
}

// patterns are names, of which one may begin or end in "*", which stands for any text.
type patterns struct {
	names              map[string]bool
	prefixes, suffixes []string
}

func newPatterns(list []string) patterns {
	p := patterns{names: make(map[string]bool, len(list))}
	for _, one := range list {
		if prefix, ok := strings.CutSuffix(one, "*"); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else if suffix, ok := strings.CutPrefix(one, "*"); ok {
			p.suffixes = append(p.suffixes, suffix)
		} else {
			p.names[one] = true
		}
	}
	return p
}

func (p *patterns) match(name string) bool {
	return p.names[name] || slices.ContainsFunc(p.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
		slices.ContainsFunc(p.suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

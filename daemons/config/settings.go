package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/tomlvalue"
)

// Setting is one key of daemon_config.toml, for `config show` and the
// documentation.
type Setting struct {
	Key     string // dotted, from the top: "daemons.compilation.cache_ttl"
	Default any    // bool, int, string or []string
	Value   any    // of the same type
	Doc     string // meaning and unit
}

// Settings returns every key in the order of the file with its value in c.
func (c Config) Settings() []Setting {
	all := c.settings()
	out := make([]Setting, len(all))
	for i, s := range all {
		out[i] = Setting{Key: s.key, Default: s.preset, Value: s.value(), Doc: s.doc}
	}
	return out
}

// setting ties a key to the field that it fills.
type setting struct {
	key      string
	field    any // *bool, *int, *string or *[]string
	preset   any // default
	min, max int // of an int
	oneOf    []string
	doc      string
}

// BasePort is the documented port of discovery; the others follow in the order of
// DaemonNames in package ipc.
const BasePort = 9001

const (
	maxPort    = 65535
	maxMB      = 1 << 30 // a petabyte: sizes in bytes still fit an int64
	maxSeconds = 10 * 365 * 24 * 3600
)

// settings is the table from which the file is read, checked, shown and documented.
func (c *Config) settings() []setting {
	d := &c.Daemons
	port := func(name string, field *int, usual int) setting {
		return setting{key: "daemons." + name + ".port", field: field, preset: 0, min: 1, max: maxPort,
			doc: fmt.Sprintf("the port; without it %d, or the next free block of ten", usual)}
	}
	return []setting{
		{key: "daemons.enable_discovery", field: &d.EnableDiscovery, preset: true, doc: "whether the discovery daemon runs"},
		{key: "daemons.enable_setup", field: &d.EnableSetup, preset: true, doc: "whether the setup daemon runs"},
		{key: "daemons.enable_compilation", field: &d.EnableCompilation, preset: true, doc: "whether the compilation daemon runs"},
		{key: "daemons.enable_orchestrator", field: &d.EnableOrchestrator, preset: true, doc: "whether the orchestrator daemon runs"},
		{key: "daemons.auto_start", field: &d.AutoStart, preset: true, doc: "start the daemons when a command needs them"},
		{key: "daemons.idle_timeout", field: &d.IdleTimeout, preset: 10800, max: maxSeconds, doc: "seconds without a request before a daemon exits, 0 = never"},

		port("discovery", &d.Discovery.Port, BasePort),
		{key: "daemons.discovery.watch_interval", field: &d.Discovery.WatchInterval, preset: 1000, min: 1, max: maxSeconds * 1000, doc: "milliseconds between polls where there are no file events, else least time between audits"},
		{key: "daemons.discovery.ignored_patterns", field: &d.Discovery.IgnoredPatterns, preset: []string{"*.tmp", "*.swp"}, doc: "names that are never watched"},
		{key: "daemons.discovery.verify", field: &d.Discovery.Verify, preset: VerifyWatch, oneOf: []string{VerifyWatch, VerifyStat}, doc: "trust file events, or stat every file at every build"},

		port("setup", &d.Setup.Port, BasePort+1),

		port("compilation", &d.Compilation.Port, BasePort+2),
		{key: "daemons.compilation.max_cache_size", field: &d.Compilation.MaxCacheSize, preset: 1024, max: maxMB, doc: "MB that the project's cache may take, 0 = no limit"},
		{key: "daemons.compilation.cache_ttl", field: &d.Compilation.CacheTTL, preset: 86400, max: maxSeconds, doc: "seconds after its last use that an entry is kept, 0 = for ever"},
		{key: "daemons.compilation.parallel_jobs", field: &d.Compilation.ParallelJobs, preset: 0, max: 4096, doc: "compilers at a time, 0 = by cores and memory"},
		{key: "daemons.compilation.warm", field: &d.Compilation.Warm, preset: true, doc: "keep compilers resident"},
		{key: "daemons.compilation.preamble", field: &d.Compilation.Preamble, preset: PreambleAuto, oneOf: []string{PreambleAuto, PreambleExact, PreambleOff}, doc: "keep precompiled include blocks: where it helps, not with -g, never"},
		{key: "daemons.compilation.max_preamble_size", field: &d.Compilation.MaxPreambleSize, preset: 512, max: maxMB, doc: "MB that all preambles may take"},
		{key: "daemons.compilation.max_memory", field: &d.Compilation.MaxMemory, preset: 0, max: maxMB, doc: "MB that compilers may take together, 0 = what is available"},

		port("orchestrator", &d.Orchestrator.Port, BasePort+3),
		{key: "daemons.orchestrator.queue_size", field: &d.Orchestrator.QueueSize, preset: 100, max: 1 << 20, doc: "build requests that may wait"},
		{key: "daemons.orchestrator.timeout", field: &d.Orchestrator.Timeout, preset: 300, max: maxSeconds, doc: "seconds that one compile or link may take, 0 = no limit"},
		{key: "daemons.orchestrator.auto_build", field: &d.Orchestrator.AutoBuild, preset: false, doc: "build after every change of a file"},

		{key: "security.require_token", field: &c.Security.RequireToken, preset: false, doc: "refuse requests without a proof, the plain form of the protocol too"},
	}
}

func (s setting) reset() {
	switch f := s.field.(type) {
	case *bool:
		*f = s.preset.(bool)
	case *int:
		*f = s.preset.(int)
	case *string:
		*f = s.preset.(string)
	case *[]string:
		*f = slices.Clone(s.preset.([]string))
	}
}

func (s setting) value() any {
	switch f := s.field.(type) {
	case *bool:
		return *f
	case *int:
		return *f
	case *string:
		return *f
	}
	return *s.field.(*[]string)
}

// set puts a decoded TOML value into the field, or says what is wrong with it.
func (s setting) set(v any) (message, suggestion string) {
	switch f := s.field.(type) {
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return s.wrongType("true or false", v)
		}
		*f = b
	case *int:
		n, ok := v.(int64)
		if !ok {
			return s.wrongType("a whole number", v)
		}
		if n < int64(s.min) || n > int64(s.max) {
			return fmt.Sprintf("%s is %d, which is not between %d and %d", s.key, n, s.min, s.max), s.suggest()
		}
		*f = int(n)
	case *string:
		word, ok := v.(string)
		if !ok {
			return s.wrongType("a string", v)
		}
		if !slices.Contains(s.oneOf, word) {
			return fmt.Sprintf("%s is %q, which is not one of its values", s.key, word), "write " + quotedList(s.oneOf)
		}
		*f = word
	case *[]string:
		return s.setList(f, v)
	}
	return "", ""
}

func (s setting) setList(field *[]string, v any) (message, suggestion string) {
	items, ok := v.([]any)
	if !ok {
		return s.wrongType("a list of strings", v)
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		pattern, ok := item.(string)
		if !ok {
			return s.wrongType("a list of strings", item)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Sprintf("%s has the pattern %q, which is not valid", s.key, pattern), `close every "[" with "]"`
		}
		list = append(list, pattern)
	}
	*field = list
	return "", ""
}

func (s setting) wrongType(want string, v any) (message, suggestion string) {
	return fmt.Sprintf("%s wants %s, not %s", s.key, want, tomlvalue.Describe(v)), s.suggest()
}

// suggest shows the key as it is by default.
func (s setting) suggest() string {
	if strings.HasSuffix(s.key, ".port") {
		return "leave it out, or write a port between 1024 and 65535"
	}
	return fmt.Sprintf("the default is %s = %s", lastPart(s.key), tomlText(s.preset))
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// tomlText writes a value of a setting as TOML.
func tomlText(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		return "[" + strings.ReplaceAll(quotedList(v), " or ", ", ") + "]"
	}
	return fmt.Sprint(v)
}

func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(quoted, " or ")
}

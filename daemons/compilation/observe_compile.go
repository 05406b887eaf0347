package compilation

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// depfileCompiles observes compilers without looking at their system calls: the
// dependency file says what was read, the search path and the texts that were read
// say which names were looked for and not found.
type depfileCompiles struct {
	texts *snapshot.ScanCache
	paths *searchPaths
	dated sync.Map // by datedKey: compiles that put the time into the object
}

func (d *depfileCompiles) track(_ context.Context, t *process.Task, about *subject) (tracking, error) {
	if about.asIs || isPreprocessed(about.source) {
		return &compileDepfile{depfileCompiles: d, about: about}, nil
	}
	file := besideOutput(about.output, ".d")
	about.made = append(about.made, file)
	t.Args = append(withoutDependencyFlags(t.Args), "-MD", "-MF", file)
	return &compileDepfile{depfileCompiles: d, about: about, file: file}, nil
}

type compileDepfile struct {
	*depfileCompiles
	about *subject
	file  string // "" if the command was left as it is
	warns bool   // the compiler was asked to warn of the time
}

// untraced asks the compiler to warn if the time gets into the object: by flags or pasted
// tokens it can get there without a word in a source. A trace needs no such warning.
func (c *compileDepfile) untraced(t *process.Task) {
	if _, known := c.dated.Load(c.datedKey()); !known {
		c.warns = true
		t.Args = append(t.Args, "-Wdate-time", "-Wno-error=date-time")
	}
}

func (c *compileDepfile) datedKey() string {
	content, _ := c.about.view.DigestOf(c.about.source) // of none: as good
	return c.about.key + " " + c.about.source + " " + content.String()
}

// rejected reports whether the compiler gave the warning of the time. The user did not ask
// for the warning, so the compile runs again without it.
func (c *compileDepfile) rejected(o process.Outcome) bool {
	if !c.warns || !strings.Contains(o.Output, "date-time]") {
		return false
	}
	c.dated.Store(c.datedKey(), true)
	return true
}

func (c *compileDepfile) close() {
	if c.file != "" {
		_ = os.Remove(c.file)
	}
}

func (c *compileDepfile) collect(ctx context.Context) (*observation, error) {
	seen, err := c.readDepfile(nil)
	if err != nil {
		return nil, err
	}
	seen.way = byDepfile
	sources := c.readTexts(seen)
	seen.uncacheable = cmp.Or(seen.uncacheable, seen.clock)
	if _, known := c.dated.Load(c.datedKey()); known {
		seen.uncacheable = cmp.Or(seen.uncacheable, "the time of the compile gets into the object")
	}
	for _, s := range sources {
		if s.Incbin {
			seen.doubt = cmp.Or(seen.doubt, s.path+" uses .incbin, and the file that this reads is not known")
		}
	}
	if isAssembler(c.about.source) {
		seen.doubt = cmp.Or(seen.doubt, "what "+c.about.source+" has the assembler include is not known")
	}
	c.addNamed(seen)
	seen.doubt = cmp.Or(seen.doubt, movedSince(c.about, seen.files))
	return seen, c.addMisses(ctx, seen, sources)
}

func (c *compileDepfile) reported(read []string) *observation {
	if c.file == "" {
		return c.textsOf(read)
	}
	seen, err := c.readDepfile(read)
	if err != nil {
		return nil
	}
	c.readTexts(seen)
	return seen
}

// textsOf is what the texts among the files that were read say.
func (c *compileDepfile) textsOf(read []string) *observation {
	seen := &observation{files: slices.DeleteFunc(slices.Clone(read), func(f string) bool { return notText[path.Ext(f)] })}
	c.readTexts(seen)
	seen.files = nil
	return seen
}

// notText are the endings of what compilers read and is no source.
var notText = map[string]bool{".gch": true, ".pch": true, ".pcm": true, ".gcm": true, ".gcda": true, ".profdata": true, ".so": true, ".o": true, ".a": true}

// readDepfile reads the dependency file. read are files that are known to be inputs.
func (c *compileDepfile) readDepfile(read []string) (*observation, error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return nil, fmt.Errorf("the compiler wrote no dependency file: %w", err)
	}
	if bytes.Contains(text, []byte("\t")) { // of a name: clang does not escape it, gcc does
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\\\t"), []byte("\t")), []byte("\t"), []byte("\\\t"))
	}
	names, err := parseDepfile(text)
	if err != nil {
		return nil, fmt.Errorf("read the compiler's dependency file: %w", err)
	}
	seen := &observation{}
	real := withBackslashes(append(slices.Clone(read), c.about.source))
	for _, n := range append(names, c.about.source) {
		n = snapshot.Spell(c.about.view.Root, n)
		if r, known := real[n]; known && !c.about.view.Signature(n).Exists() {
			n = r
		}
		if n != os.DevNull && !c.about.hidden.hides(n) {
			seen.files = append(seen.files, n)
		}
	}
	return seen, nil
}

// withBackslashes returns those paths that have a backslash, by the name that clang
// writes into a dependency file: with slashes in their place.
func withBackslashes(paths []string) map[string]string {
	out := make(map[string]string)
	for _, p := range paths {
		if written := strings.ReplaceAll(p, `\`, "/"); written != p {
			out[written] = p
		}
	}
	return out
}

// readTexts scans what was read.
func (c *compileDepfile) readTexts(seen *observation) []source {
	sources := make([]source, 0, len(seen.files)+1)
	if h := c.about.hidden; h != nil && h.block != nil {
		sources = append(sources, *h.block)
	}
	for _, f := range seen.files {
		text, err := c.texts.Scan(c.about.view, f)
		if err != nil {
			seen.doubt = cmp.Or(seen.doubt, f+" changed while it was read")
			continue
		}
		sources = append(sources, source{f, text})
		if text.Clock != "" {
			seen.clock = cmp.Or(seen.clock, f+" uses "+text.Clock)
		}
		seen.imports = seen.imports || text.Imports
		if text.Stamped { // a macro may carry the word into any file of the unit
			seen.stamped = seen.files
		}
	}
	return sources
}

// addNamed adds the files that flags name.
func (c *compileDepfile) addNamed(seen *observation) {
	for _, f := range c.about.flags.files {
		f = snapshot.Spell(c.about.view.Root, f)
		switch sig := c.about.view.Signature(f); {
		case sig.IsRegular():
			seen.files = append(seen.files, f)
		case sig.Exists():
			seen.uncacheable = cmp.Or(seen.uncacheable, f+" is not a regular file")
		default: // a name that the compiler looks for in folders of its own
			seen.misses = append(seen.misses, f)
		}
	}
}

// addMisses computes which names were looked for and not found.
func (c *compileDepfile) addMisses(ctx context.Context, seen *observation, sources []source) error {
	where, err := c.paths.of(ctx, c.about)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		seen.doubt = cmp.Or(seen.doubt, "where the compiler searches is not known: "+err.Error())
		return nil
	}
	m := &missSearch{view: c.about.view, path: where, since: c.about.since, forced: c.about.flags.forced, gcc: c.about.gcc}
	m.search(sources)
	for miss := range m.misses {
		seen.misses = append(seen.misses, miss)
	}
	for found := range m.found {
		seen.files = append(seen.files, found)
	}
	if m.doubt != "" {
		seen.doubt = cmp.Or(seen.doubt, m.doubt+" appeared while it was compiled")
	}
	seen.listings = slices.Clone(where.listings)
	for _, dir := range slices.Sorted(maps.Keys(m.folders)) {
		seen.listings = append(seen.listings, cache.Listing{Dir: dir, Match: snapshot.IsFolder})
	}
	return nil
}

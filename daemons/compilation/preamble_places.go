package compilation

import (
	"debug/elf"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// Clang keeps the names of a preamble's files absolute and without "..". That shows in
// the debug information, where it does no harm, in diagnostics, where spell undoes it,
// and in the names of types without a name, which __PRETTY_FUNCTION__ gives.

// placed is the name of such a type: "(lambda at /src/a.h:3:12)".
var placed = lazyregexp.New(`\((lambda|unnamed|anonymous)[^()]{0,32} at /[^()\x00]*:\d+:\d+\)`)

// tellsPlaces says why an object that was made with a preamble may differ from a
// plain one, "" if it does not.
func tellsPlaces(object string) string {
	f, err := elf.Open(object)
	if err != nil {
		return "the object cannot be looked into"
	}
	defer f.Close()
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR != 0 || s.Type != elf.SHT_PROGBITS {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return "the object cannot be looked into"
		}
		if name := placed().Find(data); name != nil {
			return "the object has the name of a place in it: " + string(name)
		}
	}
	return ""
}

// includedTwice is how clang tells of an include in a preamble: by the source, and by
// the block.
var (
	includedTwice = lazyregexp.New(`(?m)^In file included from ([^\n]*):\d+:\nIn file included from ([^\n:]*):(\d+):$`)
	placeAtStart  = lazyregexp.New(`(?m)^(In file included from |)(/[^:\n]+):`)
)

// spell gives the places in what clang says of a unit with a preamble the names that
// it gives them without one.
func (use *preambleUse) spell(v *snapshot.Tree, text string) string {
	if text == "" {
		return ""
	}
	names := make(map[string]string)
	source := filepath.Clean(v.Abs(use.given))
	names[source] = use.given
	for _, f := range use.with.set(v).Files {
		names[filepath.Clean(v.Abs(f.Path))] = f.Path
	}
	text = includedTwice().ReplaceAllStringFunc(text, func(lines string) string {
		m := includedTwice().FindStringSubmatch(lines)
		if m[1] != use.given || m[2] != source {
			return lines
		}
		return "In file included from " + use.given + ":" + m[3] + ":"
	})
	return placeAtStart().ReplaceAllStringFunc(text, func(place string) string {
		m := placeAtStart().FindStringSubmatch(place)
		if name, ok := names[m[2]]; ok {
			return m[1] + name + ":"
		}
		return place
	})
}

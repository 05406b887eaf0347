package compilation

import (
	"cmp"
	"context"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// depfileLinks observes linkers without looking at their system calls: those that
// know --dependency-file (ld.bfd 2.35, lld 12, mold 1) say what they read; what they
// looked for in vain, and for others what they read too, is computed from where
// they search.
type depfileLinks struct {
	paths *libraryPaths
}

func (d *depfileLinks) track(_ context.Context, t *process.Task, about *subject) (tracking, error) {
	w := &linkDepfile{depfileLinks: d, about: about}
	if d.paths.reports(about.key) && !about.asIs {
		w.file = besideOutput(about.output, ".d")
		about.made = append(about.made, w.file)
		t.Args = append(t.Args, "-Xlinker", "--dependency-file="+w.file)
	}
	return w, nil
}

type linkDepfile struct {
	*depfileLinks
	about *subject
	file  string // "" if the linker does not know how to write one
}

// rejected reports whether the linker complained about the flag.
func (l *linkDepfile) rejected(o process.Outcome) bool {
	if o.OK() || l.file == "" || !strings.Contains(o.Output, "dependency-file") {
		return false
	}
	l.paths.reportsNone(l.about.key)
	return true
}

func (l *linkDepfile) close() {
	if l.file != "" {
		_ = os.Remove(l.file)
	}
}

func (l *linkDepfile) collect(ctx context.Context) (*observation, error) {
	seen := &observation{way: byDepfile}
	reported := l.file != "" && l.readDepfile(seen)
	dirs, err := l.paths.of(ctx, l.about)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		seen.doubt = cmp.Or(seen.doubt, "where the linker searches is not known: "+err.Error())
		return seen, nil
	}
	l.addNamed(seen)
	for _, f := range slices.Concat(seen.files, l.about.inputs) {
		if isThinArchive(l.about.view.Abs(f)) {
			seen.doubt = cmp.Or(seen.doubt, "the members of "+f+" lie outside of it, and are not known")
		}
	}
	s := &librarySearch{
		missSearch: missSearch{view: l.about.view, since: l.about.since, misses: make(map[string]bool)}, dirs: dirs,
	}
	s.explicit(l.about.tool, seen)
	if !reported {
		s.implicit(seen)
	}
	for _, f := range seen.files {
		s.shadows(f)
	}
	seen.doubt = cmp.Or(seen.doubt, movedSince(l.about, seen.files))
	for miss := range s.misses {
		seen.misses = append(seen.misses, miss)
	}
	if s.doubt != "" {
		seen.doubt = cmp.Or(seen.doubt, s.doubt+" appeared while it was linked")
	}
	return seen, nil
}

func (l *linkDepfile) reported([]string) *observation {
	seen := &observation{}
	if l.file == "" || !l.readDepfile(seen) {
		return nil
	}
	return seen
}

// readDepfile adds what the linker says it read, and reports whether that could be
// read: ld.bfd writes names without any escapes, so a space in one of them makes the
// file something else. What the linker made itself for link-time optimisation and
// removed is no input.
func (l *linkDepfile) readDepfile(seen *observation) bool {
	text, err := os.ReadFile(l.file)
	if err != nil {
		return false
	}
	names, err := parseDepfile(text)
	if err != nil {
		return false
	}
	temp := cmp.Or(ipc.EnvValue(l.about.env, "TMPDIR"), "/tmp")
	for _, n := range names {
		if strings.HasPrefix(n, temp+"/") && !ipc.StatSignature(l.about.view.Abs(n)).Exists() {
			continue
		}
		seen.files = append(seen.files, snapshot.Spell(l.about.view.Root, n))
	}
	return true
}

// isThinArchive reports an archive without the content of its members (ar(1), --thin).
func isThinArchive(path string) bool {
	if !strings.HasSuffix(path, ".a") {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, len(thinMagic))
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == thinMagic
}

const thinMagic = "!<thin>\n"

// addNamed adds files that arguments name: version scripts, linker scripts, lists of
// symbols. Not every linker reports them.
func (l *linkDepfile) addNamed(seen *observation) {
	for _, arg := range l.about.tool[1:] {
		for part := range strings.SplitSeq(arg, ",") {
			if _, value, ok := strings.Cut(part, "="); ok {
				part = value
			}
			part = strings.TrimPrefix(part, "@")
			if part == "" || part[0] == '-' {
				continue
			}
			if p := snapshot.Spell(l.about.view.Root, part); l.about.view.Signature(p).IsRegular() {
				seen.files = append(seen.files, p)
			}
		}
	}
}

// librarySearch computes what a search for libraries missed.
type librarySearch struct {
	missSearch
	dirs []string
}

// explicit goes through -lNAME arguments.
func (s *librarySearch) explicit(args []string, seen *observation) {
	for i, arg := range args {
		name, ok := strings.CutPrefix(arg, "-l")
		if !ok || name == "" && i+1 == len(args) {
			continue
		}
		if name == "" {
			name = args[i+1]
		}
		s.find(name, seen)
	}
}

// find adds where a library is, and where it is not.
func (s *librarySearch) find(name string, seen *observation) {
	candidates := []string{"lib" + name + ".so", "lib" + name + ".a"}
	if exact, ok := strings.CutPrefix(name, ":"); ok {
		candidates = []string{exact}
	}
	for _, dir := range s.dirs {
		for _, c := range candidates {
			p := snapshot.Join(dir, c)
			if s.view.Signature(p).IsRegular() {
				seen.files = append(seen.files, p)
				return
			}
			s.absent(p)
		}
	}
}

// implicit goes through what drivers add by themselves. Which of them depends on
// the language and the flags; one too many is an input too many.
func (s *librarySearch) implicit(seen *observation) {
	for _, name := range []string{"stdc++", "c++", "m", "gcc_s", "gcc", "c", "pthread", ":crt1.o", ":Scrt1.o", ":crti.o", ":crtn.o",
		":crtbegin.o", ":crtbeginS.o", ":crtend.o", ":crtendS.o", ":libc.so.6", ":libm.so.6"} {
		s.find(name, seen)
	}
}

var libraryName = lazyregexp.New(`^lib(.+)\.(so|a)$`)

// shadows adds the places where a library would have been found before this one.
func (s *librarySearch) shadows(file string) {
	base := path.Base(file)
	name := libraryName().FindStringSubmatch(base)
	if name == nil {
		return
	}
	sig := s.view.Signature(file)
	at := -1
	for i, dir := range s.dirs {
		if s.view.Signature(snapshot.Join(dir, base)) == sig {
			at = i
			break
		}
	}
	for _, dir := range s.dirs[:max(at, 0)] {
		s.absent(snapshot.Join(dir, "lib"+name[1]+".so"))
		s.absent(snapshot.Join(dir, "lib"+name[1]+".a"))
	}
	if at >= 0 && name[2] == "a" {
		s.absent(snapshot.Join(s.dirs[at], "lib"+name[1]+".so"))
	}
}

package compilation

import (
	"cmp"
	"context"
	"os"
	"path"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// depfileLinks observes linkers without looking at their system calls: those that
// know --dependency-file (ld.bfd 2.35, lld 12, mold 1) say what they read; what they
// looked for in vain, and for others what they read too, is computed from where
// they search.
type depfileLinks struct {
	paths *libraryPaths
}

func (d *depfileLinks) watch(_ context.Context, t *task, about *subject) (witness, error) {
	w := &linkWitness{depfileLinks: d, about: about}
	if d.paths.tells(about.key) && !about.asIs {
		w.file = besideOutput(about.output, ".d")
		about.made = append(about.made, w.file)
		t.args = append(t.args, "-Xlinker", "--dependency-file="+w.file)
	}
	return w, nil
}

type linkWitness struct {
	*depfileLinks
	about *subject
	file  string // "" if the linker does not know how to write one
}

// rejected reports whether the linker complained about the flag.
func (l *linkWitness) rejected(o outcome) bool {
	if o.ok() || l.file == "" || !strings.Contains(o.output, "dependency-file") {
		return false
	}
	l.paths.tellsNot(l.about.key)
	return true
}

func (l *linkWitness) close() {
	if l.file != "" {
		_ = os.Remove(l.file)
	}
}

func (l *linkWitness) testify(ctx context.Context) (*observation, error) {
	seen := &observation{way: byDepfile}
	told := l.file != "" && l.readDepfile(seen)
	dirs, err := l.paths.of(ctx, l.about)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		seen.doubt = cmp.Or(seen.doubt, "where the linker searches is not known: "+err.Error())
		return seen, nil
	}
	l.addNamed(seen)
	s := &librarySearch{
		missSearch: missSearch{view: l.about.view, since: l.about.since, misses: make(map[string]bool)}, dirs: dirs,
	}
	s.explicit(l.about.tool, seen)
	if !told {
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

func (l *linkWitness) told([]string) *observation {
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
func (l *linkWitness) readDepfile(seen *observation) bool {
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
		if strings.HasPrefix(n, temp+"/") && !ipc.StatSignature(l.about.view.abs(n)).Exists() {
			continue
		}
		seen.files = append(seen.files, spell(l.about.view.root, n))
	}
	return true
}

// addNamed adds files that arguments name: version scripts, linker scripts, lists of
// symbols. Not every linker tells of them.
func (l *linkWitness) addNamed(seen *observation) {
	for _, arg := range l.about.tool[1:] {
		for part := range strings.SplitSeq(arg, ",") {
			if _, value, ok := strings.Cut(part, "="); ok {
				part = value
			}
			part = strings.TrimPrefix(part, "@")
			if part == "" || part[0] == '-' {
				continue
			}
			if p := spell(l.about.view.root, part); l.about.view.signature(p).IsRegular() {
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
			p := join(dir, c)
			if s.view.signature(p).IsRegular() {
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

var libraryName = lazily(`^lib(.+)\.(so|a)$`)

// shadows adds the places where a library would have been found before this one.
func (s *librarySearch) shadows(file string) {
	base := path.Base(file)
	name := libraryName().FindStringSubmatch(base)
	if name == nil {
		return
	}
	sig := s.view.signature(file)
	at := -1
	for i, dir := range s.dirs {
		if s.view.signature(join(dir, base)) == sig {
			at = i
			break
		}
	}
	for _, dir := range s.dirs[:max(at, 0)] {
		s.absent(join(dir, "lib"+name[1]+".so"))
		s.absent(join(dir, "lib"+name[1]+".a"))
	}
	if at >= 0 && name[2] == "a" {
		s.absent(join(s.dirs[at], "lib"+name[1]+".so"))
	}
}

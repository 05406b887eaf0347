package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/bmatcuk/doublestar/v4"
)

// sourceFiles matches C and C++ files beneath a folder.
const sourceFiles = "**/*.{c,C,cc,cp,cpp,CPP,cxx,CXX,c++}"

// languageOf tells the language of a source file by its name, "" if it is none. The
// drivers decide by the same endings.
func languageOf(file string) string {
	switch path.Ext(file) {
	case ".c":
		return "c"
	case ".C", ".cc", ".cp", ".cpp", ".CPP", ".cxx", ".CXX", ".c++":
		return "c++"
	}
	return ""
}

// leftByEditor reports whether a file is an editor's or a file manager's, though it is
// named like a source: Emacs has a lock .#NAME beside what is being edited, and macOS
// leaves ._NAME on foreign disks.
func leftByEditor(file string) bool {
	name := path.Base(file)
	return strings.HasPrefix(name, ".#") || strings.HasPrefix(name, "._")
}

// findSources lists the sources of every target, and the kind of those that leave
// it to their sources.
func (p *planner) findSources() {
	p.scanned = map[string]mainSeen{}
	for _, t := range p.targets {
		before := len(p.problems.list)
		found := map[string]bool{}
		switch {
		case t.table.sources.given() || t.table.sourceDirs.given():
			for _, w := range t.table.sources.items {
				p.addSources(t, w, found)
			}
			for _, w := range t.table.sourceDirs.items {
				p.addFolder(t, w.text, w.location, found)
			}
		default:
			p.addFolder(t, "src", location{}, found)
		}
		t.sources = sortedKeys(found)
		broken := t.table.sources.given() || t.table.sourceDirs.given()
		broken = broken && len(t.table.sources.items)+len(t.table.sourceDirs.items) == 0 && before > 0
		if len(t.sources) == 0 && len(p.problems.list) == before && !broken {
			p.problems.at(t.at, "check sources, source_dirs and exclude_patterns", "target %s has no sources", t.name)
		}
		if t.kind == "" {
			t.kind = p.kindOf(t)
		}
	}
	p.spreadPIC()
}

// addSources adds what one entry of sources means.
func (p *planner) addSources(t *target, w word, found map[string]bool) {
	text := p.expand(w.text)
	if hasMeta(text) {
		p.addPattern(t, w, text, found)
		return
	}
	name := planPath(p.root, unescapePattern(text))
	file := absolute(p.root, name)
	switch {
	case languageOf(name) == "" && !p.w.isDir(file):
		p.problems.at(w.location, "C and C++ files end in .c, .cc, .cpp, .cxx or .C", "%s is not a C or C++ source", name)
	case p.made[name] != nil:
		p.checkName(name, w.location)
		found[name] = true
	case underneath(name, p.genDir()):
		p.problems.at(w.location, "name it in the outputs of a step", "no step makes %s", name)
	case p.w.isFile(file):
		p.checkName(name, w.location)
		found[name] = true
	case p.w.isDir(file):
		p.problems.at(w.location, fmt.Sprintf("write source_dirs = [%q], or %q", name, name+"/**/*.cpp"), "%s is a folder", name)
	default:
		p.problems.at(w.location, p.nearFile(name), "there is no file %s", name)
	}
}

// addPattern adds the C and C++ files that a pattern matches; other files that it
// matches too are headers and the like.
func (p *planner) addPattern(t *target, w word, pattern string, found map[string]bool) {
	dir, match := splitPattern(pattern)
	excluded := p.addMatches(t, dir, match, found, w.location)
	switch {
	case excluded < 0:
	case excluded == 0:
		suggestion := ""
		if !p.w.isDir(absolute(p.root, dir)) {
			suggestion = orDefault(p.nearFile(planPath(p.root, dir)), "there is no folder "+dir)
		}
		p.problems.at(w.location, suggestion, "%s matches no C or C++ file", w.text)
	default:
		p.problems.at(w.location, "", "%s matches only files that exclude_patterns leave out", w.text)
	}
}

// addFolder adds all C and C++ files beneath a folder. A place of nowhere means that
// the folder was not asked for by name.
func (p *planner) addFolder(t *target, dir string, at location, found map[string]bool) {
	dir = planPath(p.root, p.expand(dir))
	if at.doc == nil && !p.w.isDir(absolute(p.root, dir)) {
		p.problems.at(t.at, `name them: [compilation] source_dirs = ["DIR"] or sources = ["*.cpp"]`,
			"target %s has no sources: there is no folder %s", t.name, dir)
		return
	}
	if !p.w.exists(absolute(p.root, dir)) && !p.makes(dir) {
		// A link to itself, a folder behind a closed one: "not there" is not all that
		// there is to say.
		if _, err := os.ReadDir(absolute(p.root, dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.problems.at(at, "", "%s cannot be listed: %v", dir, cause(err))
			return
		}
		p.problems.at(at, p.nearFile(dir), "there is no folder %s", dir)
		return
	}
	if excluded := p.addMatches(t, dir, sourceFiles, found, at); excluded >= 0 {
		if at.doc == nil {
			at = t.at
		}
		suggestion := ""
		if excluded > 0 {
			suggestion = "exclude_patterns leave all of them out"
		}
		p.problems.at(at, suggestion, "there is no C or C++ file in %s", dir)
	}
}

// makes reports whether a step makes something beneath a folder.
func (p *planner) makes(dir string) bool {
	for output := range p.made {
		if strings.HasPrefix(output, dir+"/") || dir == p.genDir() {
			return true
		}
	}
	return false
}

// addMatches adds the C and C++ files that match beneath dir, those that steps will
// make included. It returns -1 if it found one or reported why not, else how many
// were left out.
func (p *planner) addMatches(t *target, dir, match string, found map[string]bool, at location) int {
	names, err := p.w.files(absolute(p.root, dir), match)
	if err != nil {
		if at.doc == nil {
			at = t.at
		}
		p.problems.at(at, "make it readable, or leave it out", "%s cannot be listed: %s", planPath(p.root, dir), p.shown(err))
	}
	any, excluded := err != nil, 0
	add := func(file string) {
		if languageOf(file) == "" || leftByEditor(file) {
			return
		}
		if p.excluded(t, file) {
			excluded++
			return
		}
		p.checkName(file, at)
		found[file] = true
		any = true
	}
	inside := planPath(p.root, dir)
	for _, name := range names {
		file := path.Join(inside, name)
		// What lies in the build folder, generated files included, is there because a
		// build made it: only what a step makes now counts.
		if ours := underneath(file, p.buildDir) || underneath(file, ".replibuild") || underneath(file, ".git"); !ours {
			add(file)
		}
	}
	for _, output := range sortedKeys(p.made) {
		if rest, ok := strings.CutPrefix(output, inside+"/"); ok && underneath(inside, p.genDir()) && doublestar.MatchUnvalidated(match, rest) {
			add(output)
		}
	}
	if any {
		return -1
	}
	return excluded
}

// checkName refuses a source whose name would not reach the compiler as it is.
func (p *planner) checkName(file string, at location) {
	switch {
	case !utf8.ValidString(file):
		p.problems.at(at, "rename it", "the name of the source %q is not UTF-8", file)
	case strings.ContainsAny(file, "\n\r"): // dependency files have no way to write them
		p.problems.at(at, "rename it", "the name of the source %q has a newline", file)
	case strings.HasPrefix(file, "-") || strings.HasPrefix(file, "@"):
		p.problems.at(at, "rename it, or move it into a folder", "compilers take the name of the source %s for an option", file)
	}
}

func underneath(file, dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }

// excluded reports whether a file is left out. A pattern without a slash is about
// the file's name, one with it about its path from the root.
func (p *planner) excluded(t *target, file string) bool {
	for _, w := range t.table.exclude.items {
		name := file
		if !strings.Contains(w.text, "/") {
			name = path.Base(file)
		}
		if doublestar.MatchUnvalidated(w.text, name) {
			return true
		}
	}
	return false
}

// nearFile suggests a name in the same folder that looks like the one that is not
// there.
func (p *planner) nearFile(name string) string {
	dir := path.Dir(name)
	for dir != "." && dir != "/" && !ipc.StatSignature(absolute(p.root, dir)).IsDir() {
		name, dir = dir, path.Dir(dir)
	}
	names, _ := listNames(absolute(p.root, dir), "")
	if near := nearest(path.Base(name), names); near != "" {
		return "did you mean " + path.Join(dir, near) + "?"
	}
	return ""
}

// warn adds a notice with its place.
func (p *planner) warn(at location, suggestion, message string) {
	pos := at.position()
	text := fmt.Sprintf("%s:%d:%d: %s", at.doc.name, pos.Line, pos.Column, message)
	if suggestion != "" {
		text += " (" + suggestion + ")"
	}
	if !slices.Contains(p.notices, text) {
		p.notices = append(p.notices, text)
	}
}

// checkFolders looks whether the folders that were named are there. What steps make
// may be missing still.
func (p *planner) checkFolders() {
	for _, t := range p.targets {
		for _, list := range []words{t.table.includeDirs, t.table.publicIncludeDirs, t.table.libDirs} {
			for _, w := range list.items {
				dir := planPath(p.root, p.expand(w.text))
				file := absolute(p.root, dir)
				switch {
				case underneath(dir, p.genDir()), p.w.isDir(file):
				case p.w.sign(file).Exists():
					p.problems.at(w.location, "name the folder that holds it", "%s is not a folder", dir)
				default: // as compilers and linkers have it; it may come later
					p.warn(w.location, p.nearFile(dir), "there is no folder "+dir)
				}
			}
		}
	}
}

// shown is a file error for people: the path as they know it, and why.
func (p *planner) shown(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return relative(p.root, pe.Path) + ": " + pe.Err.Error()
	}
	return err.Error()
}

// cause takes the operation and the path off a file error: the message around it
// names them already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

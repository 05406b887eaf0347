package setup

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// survey is what `init` sees of a folder.
type survey struct {
	root     string
	name     string // of the project
	standard string // C++ standard that another build file asks for
	sources  []*foundSource
	headers  map[string]bool // paths from the root
}

// foundSource is one C or C++ source file.
type foundSource struct {
	path     string
	lang     string
	main     definesMain
	includes []include
	role     role
}

// include is one #include of a file.
type include struct {
	name   string
	quoted bool
}

// role is what a source is there for, by where it lies and what it is called.
type role int

const (
	roleCode    role = iota
	roleTest         // of a test
	roleExample      // example, benchmark, fuzzer: not part of what is delivered
	roleForeign      // brought along from elsewhere, or for another system
)

// maxSurvey bounds how many files are looked at: more is a home directory.
const maxSurvey = 200_000

// takeSurvey walks a folder.
func takeSurvey(ctx context.Context, root string) (*survey, error) {
	s := &survey{root: root, name: filepath.Base(root), headers: map[string]bool{}}
	files := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			if isUnreadable(err) {
				return nil
			}
			return err
		}
		if files++; files%256 == 0 && ctx.Err() != nil || files > maxSurvey {
			return fs.SkipAll
		}
		rel := relative(root, file)
		if d.IsDir() {
			if rel != "." && skippedFolder(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() || isRegular(file) {
			s.add(rel, d.Name())
		}
		return nil
	})
	if err == nil {
		err = ctx.Err()
	}
	s.readMains()
	return s, err
}

// skippedFolder reports whether a folder holds what others made.
func skippedFolder(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(name, ".") || lower == "build" || strings.HasPrefix(lower, "build-") || strings.HasPrefix(lower, "build_") ||
		strings.HasPrefix(lower, "cmake-build") || lower == "cmakefiles" || lower == "node_modules" || lower == "out" || lower == "_deps"
}

func (s *survey) add(rel, name string) {
	switch {
	case rel == "CMakeLists.txt" || rel == "meson.build":
		s.readBuildFile(rel)
	case leftByEditor(name):
	case languageOf(name) != "":
		s.sources = append(s.sources, &foundSource{path: rel, lang: languageOf(name), role: roleOf(rel)})
	case isHeader(name):
		s.headers[rel] = true
	}
}

func isHeader(name string) bool {
	switch path.Ext(name) {
	case ".h", ".hh", ".hpp", ".hxx", ".h++", ".H", ".inl", ".ipp", ".tcc", ".inc", ".def":
		return true
	}
	return false
}

var (
	projectCall  = lazyregexp.New(`(?im)^\s*project\s*\(`) // without one it is a part of another project
	standardWord = lazyregexp.New(`(?i)\bCMAKE_CXX_STANDARD\s+(\d\d)\b|\bcxx_std_(\d\d)\b|cpp_std\s*=\s*(?:c|gnu)\+\+(\d\d)`)
)

// readBuildFile takes the C++ standard from another build system's file.
func (s *survey) readBuildFile(rel string) {
	text, err := os.ReadFile(absolute(s.root, rel))
	if err != nil {
		return
	}
	if m := standardWord().FindSubmatch(text); m != nil {
		s.standard = "c++" + string(slices.Concat(m[1], m[2], m[3]))
	}
}

var (
	testFolders    = []string{"test", "tests", "testing", "unittest", "unittests", "unit_tests", "t"}
	exampleFolders = []string{"example", "examples", "sample", "samples", "demo", "demos", "bench", "benchmark", "benchmarks", "fuzz", "fuzzing", "doc", "docs", "issues", "contrib"}
	foreignFolders = []string{"third_party", "thirdparty", "3rdparty", "external", "extern", "vendor", "deps", "submodules", "subprojects"}
	testNames      = lazyregexp.New(`(?i)^tests?([_-].*)?$|[_.-](unit)?tests?$|^.*[a-z](Test|Tests)$`)
	exampleNames   = lazyregexp.New(`(?i)[_-](bench|benchmark|fuzzer|example)$|^(bench|benchmark)([_-].*)?$`)
)

// systemNames are endings of files and names of folders that are for one system.
var systemNames = map[string][]string{
	"windows": {"win", "win32", "windows", "msvc", "mingw"},
	"darwin":  {"mac", "macos", "osx", "darwin", "ios", "apple"},
	"linux":   {"linux"},
	"android": {"android"},
}

// roleOf tells a file's role from its path.
func roleOf(rel string) role {
	folders := strings.Split(strings.ToLower(path.Dir(rel)), "/")
	in := func(names []string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return slices.Contains(names, f) })
	}
	stem := strings.TrimSuffix(path.Base(rel), path.Ext(rel))
	switch {
	case in(foreignFolders) || forOtherSystem(folders, stem):
		return roleForeign
	case in(testFolders) || testNames().MatchString(stem):
		return roleTest
	case in(exampleFolders) || exampleNames().MatchString(stem):
		return roleExample
	}
	return roleCode
}

// forOtherSystem reports whether a name says that a file is not for this system.
func forOtherSystem(folders []string, stem string) bool {
	stem = strings.ToLower(stem)
	for system, names := range systemNames {
		if system == currentSystem {
			continue
		}
		for _, name := range names {
			if slices.Contains(folders, name) || strings.HasSuffix(stem, "_"+name) || strings.HasSuffix(stem, "-"+name) {
				return true
			}
		}
	}
	return false
}

// readMains reads the sources and keeps what matters of them.
func (s *survey) readMains() {
	for _, f := range s.sources {
		text, err := os.ReadFile(absolute(s.root, f.path))
		if err != nil {
			continue
		}
		f.main = scanMain(text)
		f.includes = scanIncludes(text)
	}
}

// scanIncludes lists what a file includes, what #if 0 hides left out.
func scanIncludes(text []byte) []include {
	l := lexer{text: text}
	var out []include
	var hidden []bool
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind != tokenDirective {
			continue
		}
		name, rest := cutWord(t.text)
		rest = strings.TrimSpace(rest)
		switch name {
		case "if", "ifdef", "ifndef":
			// What is only there for another system is not there for us.
			hidden = append(hidden, name == "if" && rest == "0" || name != "ifndef" && otherSystemMacro().MatchString(rest))
		case "else", "elif":
			if n := len(hidden); n > 0 {
				hidden[n-1] = name == "elif" && otherSystemMacro().MatchString(rest)
			}
		case "endif":
			if n := len(hidden); n > 0 {
				hidden = hidden[:n-1]
			}
		case "include":
			if inc, ok := includeOf(rest); ok && !slices.Contains(hidden, true) {
				out = append(out, inc)
			}
		}
	}
	return out
}

func includeOf(rest string) (include, bool) {
	if rest == "" {
		return include{}, false
	}
	end := map[byte]string{'<': ">", '"': `"`}[rest[0]]
	if end == "" {
		return include{}, false
	}
	name, _, ok := strings.Cut(rest[1:], end)
	return include{name: name, quoted: end == `"`}, ok && name != ""
}

// isRegular reports whether a name leads to a regular file.
func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

package oracle

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// change is a way to change the project; weight says how often it is taken.
type change struct {
	weight int
	do     func(*world)
}

// changes are what somebody does to a project between two builds.
var changes = []change{
	{14, (*world).editHeader},
	{8, (*world).editSource},
	{8, (*world).editSameSize},
	{3, (*world).editBackInTime},
	{4, (*world).touch},
	{4, (*world).rewriteSame},
	{8, (*world).revert},
	{5, (*world).renameHeader},
	{4, (*world).deleteHeader},
	{8, (*world).shadow},
	{6, (*world).createMissing},
	{4, (*world).copyHeader},
	{2, (*world).hardLink},
	{4, (*world).folders},
	{3, (*world).moveFolder},
	{6, (*world).changeIncludes},
	{5, (*world).changeFlags},
	{4, (*world).changeEnvironment},
	{2, (*world).changeCompiler},
	{5, (*world).links},
	{3, (*world).headerBecomesFolder},
	{5, (*world).changeSources},
	{3, (*world).changeGenerated},
	{4, (*world).switchBranch},
}

// change makes one random change.
func (w *world) change() {
	changes[drawn(w.between, len(changes), func(i int) int { return changes[i].weight })].do(w)
}

var fiveDigits = regexp.MustCompile(`\b[1-9][0-9]{4}\b`)

// otherNumber gives a text another value of the same length.
func (w *world) otherNumber(text string) string {
	all := fiveDigits.FindAllStringIndex(text, -1)
	if len(all) == 0 {
		return text
	}
	at := pick(w, all)
	return text[:at[0]] + strconv.Itoa(w.number()) + text[at[1]:]
}

// mutate changes a header or source.
func (w *world) mutate(file, text string) string {
	lines := strings.SplitAfter(text, "\n")
	switch n := w.between(100); {
	case n < 40:
		return w.otherNumber(text)
	case n < 55: // leaves the object as it is
		return text + fmt.Sprintf("// a remark of %d\n#define UNUSED%d\n", w.number(), w.number())
	case n < 80: // one include more, after the guard of a header
		at := 0
		if isHeader(file) {
			at = min(2, len(lines))
		}
		return strings.Join(lines[:at], "") + w.include(pick(w, names)) + strings.Join(lines[at:], "")
	case n < 95: // one plain include less
		for i, l := range lines {
			if strings.HasPrefix(l, "#include") {
				return strings.Join(slices.Delete(lines, i, i+1), "")
			}
		}
		return w.otherNumber(text)
	}
	return text + "#error an edit that does not compile\n"
}

func (w *world) editFile(from []string) {
	if len(from) == 0 {
		return
	}
	file, inPlace := pick(w, from), w.chance(50)
	w.note("edit %s (in place: %v)", file, inPlace)
	w.save(file, w.mutate(file, w.read(file)), inPlace)
}

func (w *world) editHeader() { w.editFile(w.headers()) }
func (w *world) editSource() { w.editFile(w.sources()) }

// code is all that is compiled.
func (w *world) code() []string { return slices.Concat(w.headers(), w.sources()) }

func (w *world) editSameSize() {
	file := pick(w, w.code())
	times := 1 + w.between(3)
	w.note("edit %s %d times, same size", file, times)
	for range times {
		w.save(file, w.otherNumber(w.read(file)), w.chance(80))
	}
}

// editBackInTime edits and sets the modification time back to what it was.
func (w *world) editBackInTime() {
	file := pick(w, w.code())
	info, err := os.Stat(w.abs(file))
	w.must(err)
	w.note("edit %s and set its time back", file)
	w.save(file, w.otherNumber(w.read(file)), w.chance(70))
	w.must(os.Chtimes(w.abs(file), info.ModTime(), info.ModTime()))
}

func (w *world) touch() {
	for range 1 + w.between(4) {
		file, at := pick(w, w.code()), time.Now().Add(time.Duration(w.between(3)-1)*time.Hour)
		w.note("touch %s, %v", file, time.Until(at).Round(time.Minute))
		w.must(os.Chtimes(w.abs(file), at, at))
	}
}

func (w *world) rewriteSame() {
	file := pick(w, w.code())
	w.note("write %s with the same content", file)
	w.save(file, w.read(file), w.chance(50))
}

func (w *world) revert() {
	var files []string
	for _, f := range w.code() {
		if len(w.old[f]) > 0 {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return
	}
	file := pick(w, files)
	w.note("revert %s", file)
	w.save(file, pick(w, w.old[file]), w.chance(50))
}

func (w *world) renameHeader() {
	all := w.headers()
	if len(all) == 0 {
		return
	}
	from := pick(w, all)
	to := path.Join(pick(w, w.headerDirs()), path.Base(from))
	if w.chance(40) {
		to = path.Join(path.Dir(from), path.Base(pick(w, names)))
	}
	if w.isDir(to) || from == to {
		return
	}
	w.note("rename %s to %s", from, to)
	w.must(os.MkdirAll(w.abs(path.Dir(to)), 0o755))
	w.must(os.Rename(w.abs(from), w.abs(to)))
}

func (w *world) deleteHeader() {
	if all := w.headers(); len(all) > 0 {
		file := pick(w, all)
		w.note("delete %s", file)
		w.must(os.Remove(w.abs(file)))
	}
}

// shadow makes another header of a name that is there.
func (w *world) shadow() {
	all := w.headers()
	if len(all) == 0 {
		return
	}
	like := pick(w, all)
	to := path.Join(pick(w, w.headerDirs()), path.Base(like))
	if w.isDir(to) {
		return
	}
	w.note("create %s, which %s may be shadowed by", to, like)
	w.save(to, w.otherNumber(w.read(like)), w.chance(50))
}

func (w *world) createMissing() {
	index := w.between(len(names))
	if w.chance(40) {
		index = len(names) - 1 // opt.h, of which there is none at first
	}
	to := path.Join(pick(w, w.headerDirs()), names[index])
	if w.isDir(to) || w.isFile(to) {
		return
	}
	w.note("create %s", to)
	w.save(to, w.header(index), w.chance(50))
}

// copyHeader makes a header that has the text of another, often its time too, and a
// source that includes both.
func (w *world) copyHeader() {
	all := w.headers()
	if len(all) == 0 {
		return
	}
	like, to := pick(w, all), path.Join(pick(w, w.headerDirs()), pick(w, names))
	if like == to || w.isDir(to) {
		return
	}
	w.note("copy %s to %s", like, to)
	w.save(to, w.read(like), w.chance(50))
	if w.chance(60) {
		info, err := os.Stat(w.abs(like))
		w.must(err)
		w.must(os.Chtimes(w.abs(to), info.ModTime(), info.ModTime()))
	}
	if source := pick(w, w.sources()); w.chance(60) {
		both := fmt.Sprintf("#include %q\n#include %q\n", path.Base(like), path.Base(to))
		w.save(source, both+w.read(source), w.chance(50))
	}
}

// hardLink makes one file of two headers with the same text.
func (w *world) hardLink() {
	byText := map[string]string{}
	for _, h := range w.headers() {
		text := w.read(h)
		other, found := byText[text]
		if !found {
			byText[text] = h
			continue
		}
		w.note("make %s a hard link to %s", h, other)
		real, err := filepath.EvalSymlinks(w.abs(other))
		w.must(err)
		w.must(os.Remove(w.abs(h)))
		if os.Link(real, w.abs(h)) != nil { // h was what other leads to
			w.save(h, text, true)
		}
		return
	}
}

// folders makes or removes a folder that is searched.
func (w *world) folders() {
	dir := "p/" + pick(w, []string{"inc2", "inc3", "inc3/sub", "include/sub"})
	if w.isDir(dir) && w.chance(40) {
		w.note("delete the folder %s", dir)
		w.must(os.RemoveAll(w.abs(dir)))
		return
	}
	w.note("make the folder %s", dir)
	w.must(os.MkdirAll(w.abs(dir), 0o755))
	if w.chance(50) {
		index := w.between(len(names))
		if to := path.Join(dir, names[index]); !w.isDir(to) {
			w.save(to, w.header(index), true)
		}
	}
}

// moveFolder moves a folder away and perhaps back, or brings one in with its content.
func (w *world) moveFolder() {
	from := "p/" + pick(w, []string{"include", "inc1", "inc2", "inc3"})
	if !w.isDir(from) {
		return
	}
	aside := "p/aside"
	w.must(os.RemoveAll(w.abs(aside)))
	if w.chance(60) {
		w.note("rename the folder %s, edit in it and rename it back", from)
		w.must(os.Rename(w.abs(from), w.abs(aside)))
		if inside := w.files(func(p string) bool { return isHeader(p) && strings.HasPrefix(p, aside+"/") }); len(inside) > 0 {
			file := pick(w, inside)
			w.save(file, w.otherNumber(w.read(file)), true)
		}
		w.must(os.Rename(w.abs(aside), w.abs(from)))
		return
	}
	w.note("make a folder with a header outside and move it to p/inc3")
	w.must(os.RemoveAll(w.abs("ext/in")))
	index := w.between(len(names))
	w.save(path.Join("ext/in", names[index]), w.header(index), true)
	w.must(os.RemoveAll(w.abs("p/inc3")))
	w.must(os.Rename(w.abs("ext/in"), w.abs("p/inc3")))
}

func (w *world) changeIncludes() {
	dirs := &w.settings.includeDirs
	switch n := w.between(3); {
	case n == 0 && len(*dirs) > 1:
		i := w.between(len(*dirs))
		*dirs = slices.Delete(slices.Clone(*dirs), i, i+1)
	case n == 1:
		*dirs = slices.Clone(*dirs)
		w.rng.Shuffle(len(*dirs), func(i, j int) { (*dirs)[i], (*dirs)[j] = (*dirs)[j], (*dirs)[i] })
	default:
		dir := pick(w, w.searched())
		if slices.Contains(*dirs, dir) {
			return
		}
		*dirs = slices.Insert(slices.Clone(*dirs), w.between(len(*dirs)+1), dir)
	}
	w.note("include_dirs = %s", list(*dirs))
	w.saveSettings()
}

func (w *world) changeFlags() {
	s := &w.settings
	switch w.between(4) {
	case 0:
		s.defines = pick(w, [][]string{nil, {"FLAG0=1"}, {"FLAG1"}, {"FLAG0=2", "FLAG2"}, {"FLAG1", "FLAG0"}})
	case 1:
		s.flags = pick(w, [][]string{nil, {"-Wall"}, {"-Iinc3"}, {"-isystem", "inc2"}, {"-iquote", "inc1"}, {"-fno-common", "-Iinc3"}, {"-MD"}, {"-MD", "-Iinc3"}})
	case 2:
		s.optimization = pick(w, []string{"0", "0", "1"})
	case 3:
		s.debug = w.chance(50)
	}
	w.note("defines = %s, flags = %s, optimization = %s, debug = %v", list(s.defines), list(s.flags), s.optimization, s.debug)
	w.saveSettings()
}

func (w *world) changeEnvironment() {
	w.extra = pick(w, [][]string{
		nil, {"CPATH=" + w.abs("ext/v2")}, {"CPATH=inc3:inc2"}, {"CPLUS_INCLUDE_PATH=inc2"}, {"C_INCLUDE_PATH=" + w.abs("ext/v1")},
		{"TERM=other"}, {"LANG=C"},
	})
	w.note("environment %q", w.extra)
}

func (w *world) changeCompiler() {
	w.settings.compiler = pick(w, compilers(w.t))
	w.note("compiler = %s", w.settings.compiler)
	w.saveSettings()
}

// links makes, turns or replaces links to files and folders.
func (w *world) links() {
	at, to := "p/lnk", pick(w, []string{"../ext/v1", "../ext/v2", "inc2", w.abs("ext/v2")})
	if w.chance(50) {
		at = path.Join("p", pick(w, []string{"include", "inc1"}), "link.h")
		to = pick(w, []string{"../../ext/v1/link.h", "../../ext/v2/link.h", w.abs("ext/v1/link.h"), "nowhere.h", "../inc2/a.h"})
	}
	if info, err := os.Lstat(w.abs(at)); err == nil && info.IsDir() {
		return
	}
	w.note("link %s to %s", at, to)
	w.must(os.MkdirAll(filepath.Dir(w.abs(at)), 0o755))
	if w.chance(50) {
		_ = os.Remove(w.abs(at))
		w.must(os.Symlink(to, w.abs(at)))
		return
	}
	temp := w.abs(path.Dir(at) + "/link.tmp")
	w.must(os.Symlink(to, temp))
	w.must(os.Rename(temp, w.abs(at)))
}

func (w *world) headerBecomesFolder() {
	for p, n := range w.tree() {
		if n.kind == 'd' && isHeader(p) {
			w.note("delete the folder %s", p)
			w.must(os.RemoveAll(w.abs(p)))
			return
		}
	}
	if all := w.headers(); len(all) > 0 {
		file := pick(w, all)
		w.note("replace %s by a folder", file)
		w.must(os.Remove(w.abs(file)))
		w.must(os.Mkdir(w.abs(file), 0o755))
	}
}

// changeSources adds, renames and deletes sources.
func (w *world) changeSources() {
	t := pick(w, w.settings.targets)
	have := w.sourcesOf(t)
	switch n := w.between(3); {
	case n == 0 && len(have) > 1:
		file := pick(w, have)
		w.note("delete %s", file)
		w.must(os.Remove(w.abs(file)))
	case n == 1 && len(have) > 0:
		file := pick(w, have)
		w.fresh++
		to := fmt.Sprintf("%s/renamed%d%s", path.Dir(file), w.fresh, path.Ext(file))
		w.note("rename %s to %s", file, to)
		w.must(os.Rename(w.abs(file), w.abs(to)))
	case len(have) < 4:
		w.note("add %s", w.addSource(t))
	}
}

func (w *world) changeGenerated() {
	if !w.settings.generated {
		w.settings.generated = true
		w.note("generate gen.h")
		w.save("p/gen.in", w.header(slices.Index(names, "gen.h")), true)
		w.saveSettings()
		return
	}
	switch w.between(4) {
	case 0:
		w.note("write gen.in with the same content")
		w.save("p/gen.in", w.read("p/gen.in"), w.chance(50))
	case 1:
		w.note("do not generate gen.h")
		w.settings.generated = false
		w.saveSettings()
	case 2:
		w.note("delete build/gen/gen.h")
		_ = os.Remove(w.abs("p/build/gen/gen.h"))
	default:
		w.note("edit gen.in")
		w.save("p/gen.in", w.mutate("gen.h", w.read("p/gen.in")), w.chance(50))
	}
}

// switchBranch keeps the state under a name, or comes back to one.
func (w *world) switchBranch() {
	name := pick(w, []string{"main", "topic"})
	if there := w.branches[name]; there != nil && w.chance(70) {
		w.note("switch to branch %s", name)
		w.restore(there)
		return
	}
	w.note("branch %s", name)
	w.branches[name] = w.snapshot()
}

// spoil does something to what builds have made.
func (w *world) spoil() {
	made, _ := filepath.Glob(w.abs("p/build/obj/*/src/*/*.o"))
	more, _ := filepath.Glob(w.abs("p/build/*.so"))
	made = slices.Concat(made, more)
	if len(made) == 0 {
		return
	}
	file := pick(w, made)
	name, _ := filepath.Rel(w.base, file)
	switch w.between(5) {
	case 0:
		w.note("delete %s", name)
		w.must(os.Remove(file))
	case 1:
		w.note("append to %s", name)
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		w.must(err)
		_, err = f.WriteString("strip me")
		w.must(cmp.Or(err, f.Close()))
	case 2:
		w.note("replace %s by a link", name)
		w.must(os.WriteFile(w.abs("victim"), []byte("victim"), 0o644))
		w.must(os.Remove(file))
		w.must(os.Symlink(w.abs("victim"), file))
	case 3:
		w.note("delete the build folder")
		w.removeTree(w.abs("p/build"))
	case 4:
		w.note("exchange %s", name)
		w.must(os.WriteFile(file+".tmp", []byte(w.fiveTimes(name)), 0o644))
		w.must(os.Rename(file+".tmp", file))
	}
	w.spoiled = append(w.spoiled, timeOf(file))
}

// timeOf is the time of a file's content, which copies made by `cp -a` have as well; 0 if
// there is no file.
func timeOf(file string) int64 { return ipc.StatSignature(file).Mtime }

func (w *world) fiveTimes(s string) string { return strings.Repeat(s, 5) }

// victimLives checks that nobody wrote through a link out of the build folder.
func (w *world) victimLives() []string {
	text, err := os.ReadFile(w.abs("victim"))
	if ipc.StatSignature(w.abs("victim")).Exists() && (err != nil || string(text) != "victim") {
		return []string{"a build wrote through a link in its folder"}
	}
	return nil
}

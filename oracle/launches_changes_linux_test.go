package oracle

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// launchChange is something that happens between two launches.
type launchChange struct {
	name   string
	weight int
	do     func(*launches) string // says what it did
}

var launchChanges = []launchChange{
	{"edits the end of", 8, (*launches).appendSource},
	{"edits the end, twice with a pause,", 8, (*launches).editTwice},
	{"edits", 4, (*launches).editHeader},
	{"makes or removes", 4, (*launches).toggleFile},
	{"gives an older text to", 4, (*launches).revert},
	{"breaks", 2, (*launches).breakFile},
	{"sets", 3, (*launches).setVariable},
	{"spoils the output", 3, (*launches).spoilOutput},
	{"switches the folder", 1, (*launches).switchFolder},
	{"changes the start of", 2, (*launches).editIncludes},
	{"ends the daemon", 1, func(w *launches) string { w.killDaemon(); return "" }},
	{"stops the daemon", 1, func(w *launches) string { w.must(w.ours("stop", "--user").Run()); return "" }},
	{"clears the cache", 1, func(w *launches) string { w.must(w.ours("cc", "--clear").Run()); return "" }},
	{"changes nothing", 2, func(*launches) string { return "" }},
}

func (w *launches) change() {
	c := launchChanges[drawn(w.IntN, len(launchChanges), func(i int) int { return launchChanges[i].weight })]
	w.log = append(w.log, fmt.Sprintf("%d %s %s", w.step, c.name, c.do(w)))
}

// some picks a file whose name ends so; "source" is for all files that are no headers.
func (w *launches) some(ending string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.texts)) {
		if strings.HasSuffix(name, ending) || ending == "source" && !strings.HasSuffix(name, ".h") {
			names = append(names, name)
		}
	}
	return names[w.IntN(len(names))]
}

func (w *launches) appendSource() string {
	name := w.some("source")
	w.appendTo(name)
	return name
}

func (w *launches) appendTo(name string) {
	w.fresh++
	w.write(name, w.texts[name]+fmt.Sprintf("int more%d(void);\nint more%d(void) { int idle; return %d; }\n", w.fresh, w.fresh, w.fresh))
}

// editTwice is what makes the service precompile includes: a command runs with two texts of its
// source, and nothing else for a moment. The next launch may use them.
func (w *launches) editTwice() string {
	c := w.commands[w.IntN(len(w.commands))]
	for _, name := range slices.Sorted(maps.Keys(launchTexts)) {
		if !slices.ContainsFunc(c.args, func(arg string) bool { return strings.HasSuffix(arg, name) }) {
			continue
		}
		for range 2 {
			w.appendTo(name)
			w.run(append([]string{w.client}, c.args...), c.dir)
		}
		w.rest()
		w.appendTo(name)
		w.next = &c
		return name
	}
	return "nothing"
}

func (w *launches) editHeader() string {
	name := w.some(".h")
	w.fresh++
	text := w.texts[name]
	switch w.IntN(3) {
	case 0:
		text += fmt.Sprintf("/* %d */\n", w.fresh)
	case 1:
		text = strings.NewReplacer(" 1\n", fmt.Sprintf(" %d\n", 2+w.fresh), "return 1", fmt.Sprintf("return %d", w.fresh)).Replace(text)
	default:
		text += fmt.Sprintf("static inline int inline%d(void) { return %d; }\n", w.fresh, w.fresh)
	}
	w.write(name, text)
	return name
}

func (w *launches) toggleFile() string {
	name := laterFiles[w.IntN(len(laterFiles))]
	if _, is := w.texts[name]; is {
		w.must(os.Remove(w.tree(name)))
		delete(w.texts, name)
		return name + " (removed)"
	}
	w.fresh++
	w.write(name, fmt.Sprintf("#include_next <%s>\n#define EXTRA %d\n#undef LATE\n#define LATE %d\n#define MAYBE %d\n", baseOf(name), w.fresh, w.fresh, w.fresh))
	if strings.Contains(name, "maybe") || w.chance(3) {
		w.write(name, fmt.Sprintf("#define MAYBE %d\n#define C %d\n#define LATE %d\nstatic inline int a(void) { return %d; }\nstatic inline int b(void) { return %d; }\n",
			w.fresh, w.fresh, w.fresh, w.fresh, w.fresh))
	}
	return name
}

func baseOf(name string) string { return name[strings.LastIndex(name, "/")+1:] }

func (w *launches) revert() string {
	name := w.some("")
	w.write(name, w.older[name][w.IntN(len(w.older[name]))])
	return name
}

func (w *launches) breakFile() string {
	name := w.some("")
	w.write(name, w.texts[name]+[]string{"int broken = missing;\n", "#error broken\n", "#warning loud\n", "int x(\n", "#include \"nowhere.h\"\n"}[w.IntN(5)])
	return name
}

func (w *launches) setVariable() string {
	name := []string{"CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS", "GCC_COLORS", "OTHER", "MAKELEVEL"}[w.IntN(8)]
	if _, is := w.env[name]; is {
		delete(w.env, name)
		return "back " + name
	}
	w.env[name] = map[string]string{
		"CPATH": w.tree("first"), "CPLUS_INCLUDE_PATH": "first", "C_INCLUDE_PATH": w.tree("first"), "SOURCE_DATE_EPOCH": "7",
		"CCC_OVERRIDE_OPTIONS": "#+-DFOUR=9",
	}[name]
	if w.env[name] == "" {
		w.fresh++
		w.env[name] = fmt.Sprint(w.fresh)
	}
	return name
}

// spoilOutput changes what a command has left.
func (w *launches) spoilOutput() string {
	all := slices.Sorted(maps.Keys(w.outputs()))
	if len(all) == 0 {
		return "of nothing"
	}
	name := all[w.IntN(len(all))]
	switch w.IntN(4) {
	case 0:
		w.must(os.WriteFile(w.tree("out/"+name), []byte("spoiled"), 0o644))
	case 1:
		w.must(os.Chmod(w.tree("out/"+name), 0o640))
	case 2:
		w.must(os.Remove(w.tree("out/" + name)))
	default:
		w.must(os.Truncate(w.tree("out/"+name), 0))
	}
	return name
}

// switchFolder makes inc a link to another folder with the same names, or back.
func (w *launches) switchFolder() string {
	old := fmt.Sprintf("inc%d", w.fresh)
	w.fresh++
	folder := fmt.Sprintf("inc%d", w.fresh)
	w.must(os.MkdirAll(w.tree(folder), 0o755))
	for _, name := range slices.Sorted(maps.Keys(w.texts)) {
		if rest, in := strings.CutPrefix(name, "inc/"); in {
			w.must(os.WriteFile(w.tree(folder+"/"+rest), []byte(w.texts[name]+fmt.Sprintf("/* in %s */\n", folder)), 0o644))
			w.texts[name] += fmt.Sprintf("/* in %s */\n", folder)
		}
	}
	w.must(os.Rename(w.tree("inc"), w.tree(old+".was")))
	w.must(os.Symlink(folder, w.tree("inc")))
	return folder
}

func (w *launches) editIncludes() string {
	name := w.some("source")
	if before, is := strings.CutPrefix(w.texts[name], "#include \"b.h\"\n"); is {
		w.write(name, before)
	} else {
		w.write(name, "#include \"b.h\"\n"+w.texts[name])
	}
	return name
}

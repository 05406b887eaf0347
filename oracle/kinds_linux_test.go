package oracle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// kind is one family of what can go wrong. A project has the kinds that its seed
// draws; each adds to its world and to its steps.
type kind struct {
	name string
	// cannot says why the kind cannot be tried on this machine; nil means that it can.
	cannot  func(w *world) string
	prepare func(w *world) // before the first source is written
	// source is text for the end of a source; nil means none.
	source func(w *world, function, ending string) string
	turns  []turn
}

// turn is one whole step of a kind: it changes something, builds and compares.
type turn struct {
	weight int
	name   string
	do     func(*world) []string
}

// allKinds are the kinds that a seed draws from.
func allKinds() []kind {
	return []kind{
		wrapperKind(), placeKind(), swapKind(), clockKind(), coarseKind(), pathKind(), quietKind(),
		callerKind(), deathKind(), assemblerKind(), editorKind(), planKind(), nameKind(), sharingKind(), remoteKind(),
	}
}

// drawKinds gives the world its kinds. only is empty, or names kinds and perhaps one
// turn of each, such as "wrappers,clock/pasted"; "basic" stands for no kind.
func (w *world) drawKinds(only string) {
	w.only = only
	if only != "" {
		for _, item := range strings.Split(only, ",") {
			w.addKind(item)
		}
		return
	}
	all := allKinds()
	for range 2 {
		if k := pick(w, all); !w.has(k.name) {
			w.addKind(k.name)
		}
	}
}

func (w *world) addKind(item string) {
	if item == "basic" {
		return
	}
	k := kindOf(item)
	if k.name == "" {
		w.t.Fatalf("there is no kind %q", item)
	}
	if k.cannot != nil {
		if why := k.cannot(w); why != "" {
			w.t.Logf("without %s: %s", k.name, why)
			return
		}
	}
	w.addTurns(k, item)
}

// kindOf is the kind that "KIND" or "KIND/TURN" names, without a name if there is none.
func kindOf(item string) kind {
	name, _, _ := strings.Cut(item, "/")
	for _, k := range allKinds() {
		if k.name == name {
			return k
		}
	}
	return kind{}
}

// addTurns adds a kind with all of its turns, or the one that item names.
func (w *world) addTurns(k kind, item string) {
	if _, only, one := strings.Cut(item, "/"); one {
		k.turns = slices.DeleteFunc(k.turns, func(t turn) bool { return t.name != only })
		if len(k.turns) == 0 {
			w.t.Fatalf("kind %s has no turn %q", k.name, only)
		}
	}
	w.kinds = append(w.kinds, k)
}

func (w *world) has(name string) bool {
	return slices.ContainsFunc(w.kinds, func(k kind) bool { return k.name == name })
}

func (w *world) kindNames() string {
	var all []string
	for _, k := range w.kinds {
		all = append(all, k.name)
	}
	return strings.Join(append(all, "basic"), ",")
}

func (w *world) prepareKinds() {
	for _, k := range w.kinds {
		if k.prepare != nil {
			k.prepare(w)
		}
	}
}

func (w *world) kindSource(function, ending string) string {
	var b strings.Builder
	for _, k := range w.kinds {
		if k.source != nil {
			b.WriteString(k.source(w, function, ending))
		}
	}
	return b.String()
}

// share is how many of a hundred steps are turns of the world's kinds.
func (w *world) share() int {
	if w.only != "" {
		return 80
	}
	return 35
}

// turns are those of all kinds that the world has.
func (w *world) turns() (all []turn) {
	for _, k := range w.kinds {
		all = append(all, k.turns...)
	}
	return all
}

// takeTurn takes one of the turns, from a state that can be built.
func (w *world) takeTurn(turns []turn) []string {
	if w.failing && w.good != nil {
		w.note("back to the state that was built last")
		w.restore(w.good)
	}
	return turns[drawn(w.between, len(turns), func(i int) int { return turns[i].weight })].do(w)
}

// besideDirs hold what compiles may read though no source names it.
var besideDirs = []string{"p/tools", "p/stamp", "p/asm", "bin"}

// beside describes all that lies there: names, contents, links, permissions and times; and the
// file by which the programs of the test find their libraries, which the machine may change.
func (w *world) beside() string {
	var b strings.Builder
	fmt.Fprintln(&b, ipc.StatSignature("/etc/ld.so.cache"))
	for _, dir := range besideDirs {
		_ = filepath.WalkDir(w.abs(dir), func(abs string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // the folder is not there
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text := ""
			switch {
			case d.Type()&fs.ModeSymlink != 0:
				text, err = os.Readlink(abs)
			case d.Type().IsRegular():
				var content []byte
				content, err = os.ReadFile(abs)
				text = string(content)
			}
			sum := digestOf(text)
			fmt.Fprintf(&b, "%s %v %d %x\n", abs, info.Mode(), info.ModTime().UnixNano(), sum)
			return err
		})
	}
	return b.String()
}

// fromNothing removes the build folder, so that the next build takes all that it can
// from the cache.
func (w *world) fromNothing() {
	w.note("delete the build folder")
	w.removeTree(w.abs("p/build"))
}

// twice builds, and then once more from the cache.
func (w *world) twice() []string {
	if wrong := w.buildAndJudge(); len(wrong) > 0 {
		return wrong
	}
	w.fromNothing()
	return w.buildAndJudge()
}

// useSet starts to build by the daemons.
func (w *world) useSet() {
	if !w.daemon {
		w.note("use the set: true")
		w.daemon = true
	}
}

// editTwoSources makes the next build compile.
func (w *world) editSources() {
	for _, file := range w.sources() {
		w.note("edit %s", file)
		w.save(file, fmt.Sprintf("%s// %d\n", w.otherNumber(w.read(file)), w.number()), w.chance(50))
	}
}

// objects are what lies in the build folder as objects.
func (w *world) objects() map[string][]byte {
	if w.settings.stamp == "" {
		return nil
	}
	found := map[string][]byte{}
	_ = filepath.WalkDir(w.abs("p/build/obj"), func(abs string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found[abs], err = os.ReadFile(abs)
		}
		return err
	})
	return found
}

package oracle

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// places are the folders that hold the project besides the one that is built: where it
// was copied from, or moved away from.
type places struct {
	others map[string]projectCopy
	last   int // makes names unique
}

// projectCopy is a project that must stay as it is.
type projectCopy struct {
	files    map[string]projectFile // by path
	settings settings
}

const maxPlaces = 3

// placeKind copies and moves the project with all that builds have left in it.
func placeKind() kind {
	return kind{name: "places", turns: []turn{
		{4, "copy", (*world).copyProject},
		{2, "back", (*world).goBack},
		{2, "move", (*world).moveProject},
		{2, "exchange", (*world).exchangeProjects},
		{1, "clean", (*world).cleanProject},
	}}
}

func (w *world) otherPlaces() []string { return slices.Sorted(maps.Keys(w.places.others)) }

func (w *world) newPlace() string {
	w.places.last++
	return fmt.Sprintf("p%d", w.places.last)
}

// leave notes the state of the project at a place.
func (w *world) leave(name string) {
	if w.places.others == nil {
		w.places.others = map[string]projectCopy{}
	}
	w.places.others[name] = projectCopy{w.filesOf(name), w.settings.clone()}
}

// enter goes on in another place.
func (w *world) enter(name string) {
	if there, ok := w.places.others[name]; ok {
		w.settings = there.settings.clone()
	}
	delete(w.places.others, name)
	w.at = name
	w.known.forget() // a place has a cache of its own
	w.note("go on in %s", name)
}

// copyProject goes on in a copy, sometimes while the set of the original runs.
func (w *world) copyProject() []string {
	if len(w.places.others) >= maxPlaces {
		return w.goBack()
	}
	from, to := w.at, w.newPlace()
	if w.chance(50) {
		w.note("stop the set")
		w.stopSet()
	}
	w.note("cp -a %s %s", from, to)
	if text, err := exec.Command("cp", "-a", w.abs("p"), filepath.Join(w.base, to)).CombinedOutput(); err != nil {
		w.must(fmt.Errorf("cp: %w: %s", err, text))
	}
	w.leave(from)
	w.enter(to)
	return w.changeHere()
}

// changeHere edits in the new place, and builds as often as not without its outputs.
func (w *world) changeHere() []string {
	if w.chance(40) {
		w.fromNothing()
	}
	if w.chance(70) {
		w.change()
	}
	if wrong := w.buildAndJudge(); len(wrong) > 0 {
		return wrong
	}
	w.editHeader()
	return w.buildAndJudge()
}

func (w *world) goBack() []string {
	if len(w.places.others) == 0 {
		return w.buildAndJudge()
	}
	to := pick(w, w.otherPlaces())
	w.leave(w.at)
	w.enter(to)
	return w.changeHere()
}

func (w *world) moveProject() []string {
	from, to := w.at, w.newPlace()
	if w.chance(50) {
		w.note("stop the set")
		w.stopSet()
	}
	w.note("mv %s %s", from, to)
	w.must(os.Rename(filepath.Join(w.base, from), filepath.Join(w.base, to)))
	w.enter(to)
	return w.changeHere()
}

// exchangeProjects swaps two places, so that each path leads to the other project.
func (w *world) exchangeProjects() []string {
	if len(w.places.others) == 0 {
		return w.copyProject()
	}
	other := pick(w, w.otherPlaces())
	w.note("exchange %s and %s", w.at, other)
	// At once: a daemon that finds its folder gone in between may make it again.
	w.must(unix.Renameat2(unix.AT_FDCWD, filepath.Join(w.base, w.at), unix.AT_FDCWD, filepath.Join(w.base, other), unix.RENAME_EXCHANGE))
	mine, theirs := w.settings.clone(), w.places.others[other]
	w.settings = theirs.settings.clone()
	w.places.others[other] = projectCopy{w.filesOf(other), mine}
	w.known.forget()
	return w.changeHere()
}

func (w *world) cleanProject() []string {
	w.note("clean")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := w.project().Clean(ctx); err != nil {
		return []string{fmt.Sprintf("clean: %v", err)}
	}
	if w.isDir("p/build/obj") {
		return []string{"clean has left objects"}
	}
	return append(w.othersUntouched(), w.buildAndJudge()...)
}

// projectFile is a file or folder of a project that must stay as it is.
type projectFile struct {
	mode fs.FileMode
	// content and time, "" for what is no regular file.
	content string
	// linked: it has further names, which edits of other trees reach.
	linked bool
}

// isAsBefore compares two states of one file. The content of a file that had or has further
// names is left out, because the oracle itself edits the others.
func (f projectFile) isAsBefore(was projectFile) bool {
	return f.mode == was.mode && (f.content == was.content || f.linked || was.linked)
}

// othersUntouched complains if something was done to a project that nobody built.
func (w *world) othersUntouched() (wrong []string) {
	for name, was := range w.places.others {
		if text := firstDifference(was.files, w.filesOf(name)); text != "" {
			wrong = append(wrong, fmt.Sprintf("%s was changed by a build in %s: %s", name, w.at, text))
		}
	}
	return wrong
}

// filesOf describes all files of a place but those that daemons keep.
func (w *world) filesOf(name string) map[string]projectFile {
	files := make(map[string]projectFile)
	top := filepath.Join(w.base, name)
	w.must(filepath.WalkDir(top, func(abs string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, _ := filepath.Rel(top, abs)
		if path == ".replibuild" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		file := projectFile{mode: info.Mode()}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(abs)
			if err != nil {
				return err
			}
			file.content = fmt.Sprintf("%x %d", digestOf(string(content)), info.ModTime().UnixNano())
			file.linked = info.Sys().(*syscall.Stat_t).Nlink > 1
		}
		files[path] = file
		return nil
	}))
	return files
}

// firstDifference names a file that is not as it was, "" if there is none.
func firstDifference(was, is map[string]projectFile) string {
	for _, path := range slices.Sorted(maps.Keys(is)) {
		before, known := was[path]
		if !known {
			return path + " is new"
		}
		if now := is[path]; !now.isAsBefore(before) {
			return fmt.Sprintf("%s was %v %s, is %v %s", path, before.mode, before.content, now.mode, now.content)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(was)) {
		if _, there := is[path]; !there {
			return path + " is gone"
		}
	}
	return ""
}

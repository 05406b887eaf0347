package oracle

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/RepliBuild/replibuild/ipc"
)

// sharingKind has two or more trees of one user share a store: worktrees in folders whose
// names have different lengths, with edits in each. The store loses and damages what it has,
// and daemons are killed while they write into it.
func sharingKind() kind {
	return kind{name: "sharing", prepare: func(w *world) {
		config := "[cache]\nshared = true\n"
		if w.chance(40) {
			config += "shared_size = 1\n" // MB, so that results are evicted
		}
		w.save("home/config.toml", config, true)
		w.settings.sharedPaths = w.chance(60)
	}, turns: []turn{
		{4, "worktree", (*world).newWorktree},
		{4, "same", (*world).sameElsewhere},
		{2, "back", func(w *world) []string { return w.elsewhere((*world).changeHere) }},
		{2, "share", func(w *world) []string { w.shareNow(); return w.twice() }},
		{2, "damage", func(w *world) []string { w.damageStore(); return w.afresh() }},
		{1, "lose", func(w *world) []string { w.loseStore(); return w.afresh() }},
		{2, "killed", (*world).killWhileSharing},
	}}
}

// shareNow finishes storing what other trees may use, as a pause of a developer does.
func (w *world) shareNow() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := w.project().ShareCache(ctx)
	w.must(err)
	w.note("cache share: %d stored, kept here %v", r.Stored, r.Kept)
}

// afresh builds with nothing but the shared store: neither outputs, state nor cache are left
// in this tree.
func (w *world) afresh() []string {
	w.note("stop the set, and delete the outputs, the state and the cache of this tree")
	w.stopSet()
	w.known.forget()
	w.removeTree(w.project().Paths().CacheBase())
	w.removeTree(w.abs("p/.replibuild/state"))
	w.removeTree(w.abs("p/build"))
	return w.buildAndJudge()
}

// newWorktree makes another tree with the same files, and builds in it for the first time.
func (w *world) newWorktree() []string {
	if len(w.places.others) >= maxPlaces {
		return w.elsewhere((*world).changeHere)
	}
	w.shareNow()
	from, to := w.at, w.newPlace()+"-a-worktree-with-a-longer-name"[:w.between(31)]
	w.note("a worktree %s of %s", to, from)
	there := filepath.Join(w.base, to)
	w.must(os.MkdirAll(filepath.Dir(there), 0o755))
	if text, err := exec.Command("cp", "-a", w.abs("p"), there).CombinedOutput(); err != nil {
		w.must(fmt.Errorf("cp: %w: %s", err, text))
	}
	w.leave(from)
	w.enter(to)
	w.removeTree(w.abs("p/.replibuild/state"))
	w.removeTree(w.abs("p/build"))
	return w.changeAfter(w.buildAndJudge())
}

// changeAfter changes something and builds, if nothing is wrong so far.
func (w *world) changeAfter(wrong []string) []string {
	if len(wrong) > 0 {
		return wrong
	}
	w.change()
	return w.buildAndJudge()
}

// elsewhere goes on in another tree, if there is one.
func (w *world) elsewhere(do func(*world) []string) []string {
	if len(w.places.others) == 0 {
		return w.newWorktree()
	}
	to := pick(w, w.otherPlaces())
	w.leave(w.at)
	w.enter(to)
	return do(w)
}

// sameElsewhere makes the same change in two trees: the second one finds what the first one
// has made.
func (w *world) sameElsewhere() []string {
	w.change()
	if wrong := w.buildAndJudge(); len(wrong) > 0 || w.failing {
		return wrong
	}
	w.shareNow()
	same := w.snapshot()
	return w.elsewhere(func(w *world) []string {
		w.note("the same files here")
		w.restore(same)
		return w.changeAfter(w.buildAndJudge())
	})
}

// killWhileSharing kills the daemon that compiles while it stores what may be shared.
func (w *world) killWhileSharing() []string {
	w.useSet()
	w.editSources()
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	for _, d := range w.running() {
		if d.Name == ipc.NameCompilation {
			w.note("kill -9 compilation")
			w.signal(d, syscall.SIGKILL)
		}
	}
	return w.afresh()
}

// storeFiles are the files of the shared store.
func (w *world) storeFiles() (files []string) {
	_ = filepath.WalkDir(w.abs("home/cache/shared"), func(abs string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, abs)
		}
		return nil
	})
	return files
}

// damageStore changes a byte of some files, cuts others, and exchanges two.
func (w *world) damageStore() {
	files := w.storeFiles()
	w.note("damage the shared store (%d files)", len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) == 0 || !w.chance(40) {
			continue
		}
		switch w.between(3) {
		case 0:
			text[w.between(len(text))] ^= 1
		case 1:
			text = text[:w.between(len(text))]
		default:
			text, _ = os.ReadFile(pick(w, files))
		}
		_ = os.Chmod(file, 0o644)
		_ = os.WriteFile(file, text, 0o644)
	}
}

// loseStore deletes some files, or all.
func (w *world) loseStore() {
	files := w.storeFiles()
	some := 30 + w.between(2)*70
	w.note("delete %d of 100 of the shared store (%d files)", some, len(files))
	for _, file := range files {
		if w.chance(some) {
			_ = os.Remove(file)
		}
	}
}

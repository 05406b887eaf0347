package replibuild

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/daemons/discovery"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// Watch calls build now, and again after changes of the files that the build folder is built
// from, until ctx ends or build returns an error. This process watches them itself, by
// build.ninja and by what the last build read.
func (b *BuildSystem) Watch(ctx context.Context, build func() error) error {
	cookies, err := os.MkdirTemp("", "replibuild-watch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cookies)
	w := &ninjaWatch{system: b, changed: make(chan struct{}, 1)}
	w.service, err = discovery.New(ctx, discovery.Config{Root: b.Root, CookieDir: cookies, Watch: true, Publish: w.event})
	if err != nil {
		return err
	}
	defer w.service.Close()
	for {
		began := time.Now()
		if err := w.follow(ctx, began); err != nil {
			return err
		}
		if err := build(); err != nil {
			return err
		}
		if err := w.follow(ctx, began); err != nil { // the build may have read other files
			return err
		}
		if err := awaitChange(ctx, w.changed, nil); err != nil {
			return err
		}
	}
}

// ninjaWatch follows the files of one build folder.
type ninjaWatch struct {
	system  *BuildSystem
	changed chan struct{}
	files   []string // that are followed, absolute and sorted
	service *discovery.Service
}

func (w *ninjaWatch) event(body ipc.EventBody) {
	if _, is := body.(ipc.FilesChanged); is {
		pause.Wake(w.changed)
	}
}

// follow watches the files of now. The build that began then may have read a file before
// it was followed: one that was written since counts as a change.
func (w *ninjaWatch) follow(ctx context.Context, began time.Time) error {
	files := w.system.sources()
	if slices.Equal(files, w.files) {
		return nil
	}
	t := ipc.Track{Nodes: []ipc.NodeRecord{{ID: "sources"}}}
	for i, file := range files {
		t.Files = append(t.Files, ipc.FileSig{Path: ninjabuild.FileName(w.system.Root, file), Sig: ipc.StatSignature(file)})
		t.Nodes[0].Inputs = append(t.Nodes[0].Inputs, uint32(i))
		if _, known := slices.BinarySearch(w.files, file); known {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.ModTime().After(began) {
			pause.Wake(w.changed)
		}
	}
	w.files = files
	if _, err := w.service.Record(ctx, ipc.RecordRequest{Track: t, Reset: true}); err != nil {
		return err
	}
	_, err := w.service.Sync(ctx, ipc.SyncRequest{}) // the watches are in place after it
	return err
}

// sources are the files that a build starts from. A manifest that is missing or cannot be
// read leaves those that it is made from.
func (b *BuildSystem) sources() []string {
	files, err := ninjabuild.Sources(b.BuildDir)
	if err != nil {
		files = []string{"build.ninja"}
	}
	for i, file := range files {
		if !filepath.IsAbs(file) {
			files[i] = filepath.Join(b.BuildDir, file)
		}
	}
	for _, name := range []string{"replibuild.toml", "CMakeLists.txt", "meson.build"} {
		for _, dir := range []string{b.Root, b.SourceDir} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				files = append(files, filepath.Join(dir, name))
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

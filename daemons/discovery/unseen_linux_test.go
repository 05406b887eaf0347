package discovery

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// mapped is a file of a test that is mapped into memory and closed.
func (tr *tree) mapped(path string) []byte {
	tr.t.Helper()
	f, err := os.OpenFile(tr.abs(path), os.O_RDWR, 0)
	tr.must(err)
	defer f.Close()
	memory, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	tr.must(err)
	return memory
}

// TestWriteThroughMapping: what is written through a mapping is in the next answer, while
// the mapping lives as well.
func TestWriteThroughMapping(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	for i := range 3 {
		tr.write("inc/a.h", "original")
		tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h"}, content: true})
		tr.expect()
		memory := tr.mapped("inc/a.h")
		tr.awaitTick("inc/a.h")
		copy(memory, fmt.Sprintf("write %02d", i))
		tr.expect("n: changed inc/a.h")
		tr.must(unix.Munmap(memory))
		tr.expect("n: changed inc/a.h")
	}
}

// TestHardLinkMadeElsewhere: a file is written through a hard link that was made in a
// folder that is not watched, after the file was recorded.
func TestHardLinkMadeElsewhere(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.mkdir("../else")
	for i := range 3 {
		tr.write("inc/a.h", "original")
		tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h"}, content: true})
		tr.expect()
		link := fmt.Sprintf("../else/%d.h", i)
		tr.must(os.Link(tr.abs("inc/a.h"), tr.abs(link)))
		tr.write(link, fmt.Sprintf("write %02d", i))
		tr.expect("n: changed inc/a.h")
		tr.write(link, fmt.Sprintf("again %02d", i))
		tr.expect("n: changed inc/a.h")
		tr.remove(link)
	}
}

// TestMountedFile: a single file is mounted on another one and written by its own path.
func TestMountedFile(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("../else/a.h", "original")
	tr.write("inc/a.h", "original")
	if out, err := exec.Command("mount", "--bind", tr.abs("../else/a.h"), tr.abs("inc/a.h")).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", tr.abs("inc/a.h")).Run() })
	tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h"}})
	if r := tr.expect(); r.Scanned == 0 {
		t.Error("a file that something is mounted on was not looked at")
	}
	tr.write("../else/a.h", "another")
	tr.expect("n: changed inc/a.h")
}

// TestRecent: of too many files, the inputs that were changed last are looked at.
func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent
	at := &dirNode{abs: "/p"}
	file := func(changed int64, makers int32) *file {
		f := &file{dir: at, changed: changed, makers: makers, writable: true, expects: []uint32{0}}
		r.offer(f)
		return f
	}
	output, old := file(1<<40, 1), file(1, 0)
	for i := range maxRecent {
		file(int64(i)+2, 0)
	}
	if len(r) != maxRecent || output.recentAt != 0 || old.recentAt != 0 {
		t.Errorf("%d files are looked at; an output %v, the oldest input %v", len(r), output.recentAt > 0, old.recentAt > 0)
	}
	old.changed = 1 << 41
	r.offer(old)
	if last := file(1<<42, 1); old.recentAt == 0 || last.recentAt != 0 || len(r) != maxRecent {
		t.Errorf("an input that was changed just now is looked at: %v, an output in its place: %v", old.recentAt > 0, last.recentAt > 0)
	}
	old.loose = true
	r.offer(old)
	if old.recentAt != 0 || len(r) != maxRecent-1 {
		t.Error("a file that is looked at in any case takes room")
	}
}

package cache

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"golang.org/x/sys/unix"
)

// asWorker makes the test binary a process that uses a cache: DIR SEED.
const asWorker = "test-cache-worker"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == asWorker {
		seed, err := strconv.ParseUint(os.Args[3], 10, 64)
		if err == nil {
			err = work(os.Args[2], seed, 150)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work stores, reads, evicts, clears and restores. Only a wrong object, or a failure
// that is not a miss, is an error.
func work(dir string, seed uint64, rounds int) error {
	scratch, err := os.MkdirTemp("", "worker-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	s := Open(dir, Options{MaxBytes: 200_000})
	defer s.Close()
	r := rand.New(rand.NewPCG(seed, seed))
	for range rounds {
		d := action(r.IntN(40))
		size := 1000 + int(d[0])*40
		switch r.IntN(20) {
		case 0:
			s.Trim()
		case 1:
			if c, err := s.Clear(); err == nil && r.IntN(2) == 0 {
				s.Restore(c.Token)
			}
		case 2, 3, 4, 5, 6, 7:
			if _, err := tryPut(s, scratch, d, size); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errReadOnly) {
				return fmt.Errorf("put: %w", err)
			}
			s.AddInputSet(d, InputSet{Action: d, Inputs: []Input{{"a.h", d}}})
		default:
			for _, set := range s.InputSets(d) {
				if set.Action != d {
					return fmt.Errorf("wrong input set for %s", d)
				}
			}
			if _, err := get(s, scratch, d, size); err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
	}
	if st := s.Stats(); st.Damaged > 0 || st.ReadOnly != "" {
		return fmt.Errorf("%d damaged, read-only: %q", st.Damaged, st.ReadOnly)
	}
	return nil
}

// Writers, readers and evictors in several processes; in one of the two folders
// somebody runs rm -rf all the time.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, vanishing := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "cache")
		done := make(chan struct{})
		var workers, remover sync.WaitGroup
		for i := range 4 {
			workers.Go(func() {
				out, err := exec.CommandContext(t.Context(), self, asWorker, dir, strconv.Itoa(i+1)).CombinedOutput()
				if err != nil {
					t.Errorf("worker %d (rm -rf: %v): %v\n%s", i, vanishing, err, out)
				}
			})
		}
		if vanishing {
			remover.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						os.RemoveAll(dir)
					}
				}
			})
		}
		workers.Wait()
		close(done)
		remover.Wait()
		s := open(t, dir, Options{})
		put(t, s, action(1), 100)
		mustGet(t, s, action(1), 100)
		if vanishing {
			continue
		}
		if _, err := s.Verify(t.Context(), 0, func(d Digest, problem string) {
			if problem != "object output is gone" { // its entry came a moment after an evictor
				t.Errorf("%s: %s", d, problem)
			}
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{MaxBytes: 60_000})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			scratch := t.TempDir()
			build := fmt.Sprint(g)
			for i := range 40 {
				d := action((g + i) % 20)
				size := 1000 + int(d[0])*40
				s.Pin(build, d)
				if why, err := get(s, scratch, d, size); err != nil {
					t.Errorf("get: %v", err)
				} else if why != Found {
					if _, err := tryPut(s, scratch, d, size); err != nil {
						t.Errorf("put: %v", err)
					}
					if why, err := get(s, scratch, d, size); why != Found {
						t.Errorf("what this build needs is gone: %q, %v", why, err)
					}
				}
			}
			s.Unpin(build)
		})
	}
	wg.Wait()
}

func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// A full disk turns the cache read-only, with one warning; when there is room again
// it stores again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"size=64k,mode=700", "nr_inodes=12,mode=700"} {
		dir := tmpfs(t, options)
		var log testkit.Buffer
		c := newClock()
		s := open(t, dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: c.Now})
		scratch := t.TempDir()
		var failed error
		stored := 0
		for i := range 100 {
			if _, err := tryPut(s, scratch, action(i), 4000); err != nil {
				failed = err
			} else if failed == nil {
				stored++
			}
			s.AddInputSet(action(i), InputSet{Action: action(i)})
		}
		if failed == nil || stored == 0 {
			t.Fatalf("%s: stored %d, then %v", options, stored, failed)
		}
		if n := strings.Count(log.String(), "stores nothing for now"); n != 1 {
			t.Errorf("%s: %d warnings, want 1", options, n)
		}
		if st := s.Stats(); st.ReadOnly == "" || st.Damaged > 0 {
			t.Errorf("%s: %+v", options, st)
		}
		mustGet(t, s, action(0), 4000)
		for _, path := range files(t, dir) {
			if filepath.Base(path) != "README" && len(filepath.Base(path)) > 4 && filepath.Base(path)[:4] == "tmp-" {
				t.Errorf("%s: left behind: %s", options, path)
			}
		}
		for i := range stored {
			s.remove(action(i), Evicted)
		}
		if _, err := tryPut(s, scratch, action(500), 4000); !errors.Is(err, errReadOnly) {
			t.Errorf("%s: tried again at once: %v", options, err)
		}
		c.add(retryAfter + time.Second)
		if _, err := tryPut(s, scratch, action(500), 4000); err != nil {
			t.Errorf("%s: with room again: %v", options, err)
		}
		mustGet(t, s, action(500), 4000)
		if st := s.Stats(); st.ReadOnly != "" {
			t.Errorf("%s: still read-only: %s", options, st.ReadOnly)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=1m,mode=700")
	w := open(t, dir, Options{})
	put(t, w, action(1), 4000)
	w.Close()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("cannot remount: %v", err)
	}
	var log testkit.Buffer
	s := open(t, dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	mustGet(t, s, action(1), 4000)
	s.Hit(1)
	for i := range 5 {
		if _, err := tryPut(s, t.TempDir(), action(10+i), 100); err == nil {
			t.Error("stored on a read-only disk")
		}
	}
	if st := s.Stats(); st.ReadOnly == "" || st.Hits != 1 {
		t.Errorf("%+v", st)
	}
	if n := strings.Count(log.String(), "stores nothing for now"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Whoever else can write to the folder could put a wrong object under a right key.
func TestFolderOfOthersIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, open4all := range map[string]func(string) error{
		"writable": func(dir string) error { return os.Chmod(dir, 0o777) },
		"foreign": func(dir string) error {
			if os.Getuid() != 0 {
				return nil
			}
			return os.Chown(dir, 1234, 1234)
		},
	} {
		dir := filepath.Join(t.TempDir(), "cache")
		put(t, open(t, dir, Options{}), action(1), 100)
		if err := open4all(dir); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() != 0 && name == "foreign" {
			continue
		}
		s := open(t, dir, Options{})
		mustMiss(t, s, action(1), New)
		if _, err := tryPut(s, t.TempDir(), action(2), 100); !errors.Is(err, errReadOnly) {
			t.Errorf("%s: put: %v", name, err)
		}
		if st := s.Stats(); st.ReadOnly == "" {
			t.Errorf("%s: not said", name)
		}
	}
}

// A FIFO in a blob's place blocks no reader.
func TestFIFOInABlobsPlace(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	e := put(t, s, action(1), 100)
	blob := s.file("blobs", e.Outputs[0].Blob)
	os.Remove(blob)
	if err := unix.Mkfifo(blob, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(e.Outputs[0], filepath.Join(t.TempDir(), "x")); !errors.Is(err, ErrDamaged) {
		t.Errorf("deliver: %v", err)
	}
	dst := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(dst, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, s, action(2), 100)
	e2, _ := s.Get(action(2))
	if err := s.Deliver(e2.Outputs[0], dst); err != nil {
		t.Errorf("deliver over a FIFO: %v", err)
	}
	mustMiss(t, s, action(1), Damaged)
}

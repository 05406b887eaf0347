package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// A compiler is more than its driver: clang-19 is 132 KB and loads 200 MB of
// libraries, gcc starts cc1plus, as and ld. Its identity is the content of all of
// them, and of the headers that it brings along.

// fileDigest is a remembered hash.
type fileDigest struct {
	Sig    ipc.Signature
	Digest string
}

// identify returns the hash over programs, files and the content of folders, with
// all libraries that the programs load.
func (p *prober) identify(w watcher, programs, files, dirs []string) (string, error) {
	all := map[string]bool{}
	l := newLoader(w, absoluteAll(p.root, filepath.SplitList(ipc.EnvValue(p.env, "LD_LIBRARY_PATH"))))
	for _, program := range programs {
		l.closure(program, all)
	}
	for _, file := range files {
		all[file] = true
	}
	for _, dir := range dirs {
		names, err := w.list(dir, "**")
		if err != nil {
			return "", err
		}
		for _, name := range names {
			if file := filepath.Join(dir, filepath.FromSlash(name)); !w.sign(file).IsDir() {
				all[file] = true
			}
		}
	}
	sorted := sortedKeys(all)
	for _, file := range sorted {
		w.exists(file)
	}
	digests, err := p.state.digests(sorted, w.sign)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for i, file := range sorted {
		fmt.Fprintf(h, "%s\x00%s\x00", file, digests[i])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// maxDigests bounds how many hashes are remembered, by a set and by all of a user; a compiler has some 400 files.
const maxDigests = 20_000

// digests returns what stands for the content of each file. The content itself is read,
// however large a file is: another user of the machine, or another machine, must come to the
// same identity, and a new hard link to clang, such as perf makes, must not change it. What is
// not known is read by all processors at once: clang's libraries are 200 MB, which take a
// third of a second of one processor.
func (s *state) digests(files []string, sign func(string) ipc.Signature) ([]string, error) {
	begun := time.Now().UnixNano()
	all, sigs := make([]string, len(files)), make([]ipc.Signature, len(files))
	errs := make([]error, len(files))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var readers sync.WaitGroup
	for i, file := range files {
		sigs[i] = sign(file)
		if known, ok := s.Digests[file]; ok && known.Sig == sigs[i] {
			all[i] = known.Digest
			continue
		}
		if !sigs[i].IsRegular() {
			all[i] = "absent"
			continue
		}
		if all[i] = s.programs.find(file, sigs[i]); all[i] != "" {
			continue
		}
		places <- struct{}{}
		readers.Go(func() {
			all[i], errs[i] = contentDigest(file)
			<-places
		})
	}
	readers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	fresh := map[string]fileDigest{}
	for i, file := range files {
		if s.remember(file, sigs[i], all[i], begun) && sigs[i].IsRegular() && s.programs.find(file, sigs[i]) == "" {
			fresh[file] = s.Digests[file]
		}
	}
	s.programs.addDigests(fresh)
	return all, nil
}

// remember keeps a hash of content that was read after the moment begun, unless the file may
// have changed since. It reports whether the hash is new and kept.
func (s *state) remember(file string, sig ipc.Signature, digest string, begun int64) bool {
	if s.Digests[file] == (fileDigest{sig, digest}) || sig != ipc.StatSignature(file) || !isSettled(file, sig, begun) {
		return false
	}
	if len(s.Digests) > maxDigests {
		clear(s.Digests)
	}
	s.Digests[file] = fileDigest{sig, digest}
	s.changed = true
	return true
}

// isSettled reports whether a file that was read at a moment can be known by its
// signature later (git's racy rule).
func isSettled(file string, sig ipc.Signature, at int64) bool {
	var disks stamps.Disks // asked about one file
	return sig.Exists() && disks.IsSettled(file, sig, at)
}

func contentDigest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

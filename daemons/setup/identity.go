package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// A compiler is more than its driver: clang-19 is 132 KB and loads 200 MB of
// libraries, gcc starts cc1plus, as and ld. Its identity is the content of all of
// them, and of the headers that it brings along.

// hugeFile is the size from which an ELF file is identified by its build id and its
// signature instead of a hash. Its linker made the build id from its content. Hashing
// libLLVM takes half a second.
const hugeFile = 4 << 20

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
	h := sha256.New()
	for _, file := range sortedKeys(all) {
		w.exists(file)
		digest, err := p.state.digest(file, w.sign(file))
		if err != nil {
			return "", fmt.Errorf("read %s: %w", file, err)
		}
		fmt.Fprintf(h, "%s\x00%s\x00", file, digest)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// maxDigests bounds how many hashes are remembered; a compiler has some 400 files.
const maxDigests = 20_000

// digest returns what stands for a file's content.
func (s *state) digest(file string, sig ipc.Signature) (string, error) {
	if known, ok := s.Digests[file]; ok && known.Sig == sig {
		return known.Digest, nil
	}
	if !sig.IsRegular() {
		return "absent", nil
	}
	begun := time.Now().UnixNano()
	digest, err := contentDigest(file, sig)
	if err != nil {
		return "", err
	}
	if sig == ipc.StatSignature(file) && isSettled(file, sig, begun) {
		if len(s.Digests) > maxDigests {
			clear(s.Digests)
		}
		s.Digests[file] = fileDigest{sig, digest}
		s.changed = true
	}
	return digest, nil
}

// isSettled reports whether a file that was read at a moment can be known by its
// signature later (git's racy rule).
func isSettled(file string, sig ipc.Signature, at int64) bool {
	var disks stamps.Disks // asked about one file
	return sig.Exists() && disks.IsSettled(file, sig, at)
}

func contentDigest(file string, sig ipc.Signature) (string, error) {
	if sig.Size >= hugeFile {
		if id := buildID(file); id != "" {
			return fmt.Sprintf("build-id %s size %d mtime %d ctime %d inode %d", id, sig.Size, sig.Mtime, sig.Ctime, sig.Ino), nil
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

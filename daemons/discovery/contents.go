package discovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// A file that was touched, written anew by a generator or put back by a switch of
// branches has another signature and the same content. If the nodes that read it depend
// on content only, a Sync reads the file once and they stay clean. Otherwise compilation
// would look at all inputs of each of them, only to find that nothing changed.

// anyFolder is the content of a file of which only counts that it is a folder.
var anyFolder = contentOfFolder()

func contentOfFolder() string {
	b, _ := hex.DecodeString(ipc.FolderDigest)
	return string(b)
}

// maxReread is the largest file that is read: a Sync should not take long.
const maxReread = 16 << 20

// accepts reports whether a file with this packed signature is the one expected.
func (e *expectation) accepts(now string) bool {
	return now == e.want || now == e.also && now != ""
}

// suspect keeps account of the expectations of contents that are broken.
func (g *graph) suspect(i uint32) {
	if g.expects[i].broken {
		g.suspects[i] = struct{}{}
	} else {
		delete(g.suspects, i)
	}
}

// contentsOf turns the digests of files into a shorter form.
func contentsOf(files []ipc.FileSig) ([]string, error) {
	out := make([]string, len(files))
	for i, f := range files {
		b, err := hex.DecodeString(f.Digest)
		if err != nil || len(b) != 0 && len(b) != sha256.Size {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "record: the digest of %s is not a SHA-256 in hexadecimal: %q", f.Path, f.Digest)
		}
		out[i] = string(b)
	}
	return out, nil
}

// compareContents mends the expectations of files that have the expected content under
// another signature. It lets go of the lock while it waits for the tick of the newest
// change to be over; after an error it does not hold it.
func (s *Service) compareContents(ctx context.Context) error {
	if len(s.unread()) > 0 {
		last := s.lastChange()
		s.unlock()
		if err := untilPast(ctx, last); err != nil {
			return err
		}
		if err := s.enter(ctx); err != nil {
			return err
		}
		s.reread(s.unread())
	}
	g := s.graph
	for i := range g.suspects {
		e := &g.expects[i]
		if f := g.files[e.subject]; f.content == e.content || e.content == anyFolder && unpackSignature(f.now).IsDir() {
			e.also = f.now
			g.set(i, false)
		}
	}
	return nil
}

// unread lists the files that may have the expected content, because they have its size.
func (s *Service) unread() []*file {
	g := s.graph
	found := map[*file]bool{}
	var out []*file
	for i := range g.suspects {
		e := &g.expects[i]
		f := g.files[e.subject]
		if f.content != "" || found[f] {
			continue
		}
		now, want := unpackSignature(f.now), unpackSignature(e.want)
		if (now.IsRegular() || f.link) && now.Size == want.Size && now.Mode == want.Mode && now.Size <= maxReread {
			found[f] = true
			out = append(out, f)
		}
	}
	return out
}

// reread reads files, several at a time.
func (s *Service) reread(files []*file) {
	each(len(files), min(runtime.GOMAXPROCS(0), len(files)), func(i int) {
		if f := files[i]; f.link {
			f.content = s.readLink(f.abs(), f.now)
		} else {
			f.content = s.readContent(f.abs(), f.now)
		}
	})
	s.counts.reread.Add(uint64(len(files)))
}

// isOld reports whether a file with a signature was last changed before a moment of its file
// system's clock, so that a change after that has a later stamp.
func (s *Service) isOld(path string, sig ipc.Signature, at int64) bool {
	return at > s.graph.disks.Latest(path, sig)
}

// readLink is readContent for the text of a symbolic link.
func (s *Service) readLink(path, now string) string {
	begin := stamps.Now()
	same := func() bool {
		sig := ipc.LinkSignature(path)
		return packSignature(sig) == now && s.isOld(filepath.Dir(path), sig, begin)
	}
	if !same() {
		return ""
	}
	text, err := os.Readlink(path)
	if err != nil || !same() {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
}

// readContent returns the SHA-256 of a file that has the packed signature now before
// and after, was last changed so long ago that a later change gives it another signature
// (git's racy rule, https://git-scm.com/docs/racy-git), and is not open for writing.
// Otherwise "".
func (s *Service) readContent(path, now string) string {
	begin := stamps.Now()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe may have come in its place
	if err != nil {
		return ""
	}
	defer f.Close()
	same := func() bool {
		info, err := f.Stat()
		if err != nil {
			return false
		}
		sig := ipc.SignatureOf(info)
		return packSignature(sig) == now && s.isOld(path, sig, begin)
	}
	if !same() || stamps.IsBeingWritten(f) {
		return ""
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || !same() {
		return ""
	}
	return string(h.Sum(nil))
}

package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"maps"
	"os"
	"slices"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/ipc"
)

// programDigests are the hashes of compilers and their libraries that all sets of a user keep
// together, so that the first build of a project or worktree does not read 200 MB again. They
// are used as those of a set's own state are: only for a file whose signature, time of the
// last change of its inode included, is the same. Losing the file costs reading.
type programDigests struct {
	file  string // "" = none are kept
	known map[string]fileDigest
}

// programDigestsSchema changes with what is written.
const programDigestsSchema = "replibuild program digests 1\n"

// find returns the hash of a file that has a signature, "" if it is not known. The file of all
// sets is read when it is first needed.
func (p *programDigests) find(file string, sig ipc.Signature) string {
	if p.file == "" {
		return ""
	}
	if p.known == nil {
		p.known = readProgramDigests(p.file)
	}
	if d := p.known[file]; d.Sig == sig {
		return d.Digest
	}
	return ""
}

func readProgramDigests(file string) map[string]fileDigest {
	known := map[string]fileDigest{}
	text, err := os.ReadFile(file)
	body, ok := bytes.CutPrefix(text, []byte(programDigestsSchema))
	if err != nil || !ok || len(body) < sha256.Size {
		return known
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if real := sha256.Sum256(body); !bytes.Equal(real[:], sum) || gob.NewDecoder(bytes.NewReader(body)).Decode(&known) != nil {
		return map[string]fileDigest{}
	}
	return known
}

// add keeps hashes for other sets, beside those that others have added meanwhile. If two add
// at the same time, some are lost.
func (p *programDigests) add(fresh map[string]fileDigest) {
	if p.file == "" || len(fresh) == 0 {
		return
	}
	p.known = readProgramDigests(p.file)
	if len(p.known) > maxDigests {
		clear(p.known)
	}
	maps.Copy(p.known, fresh)
	var body bytes.Buffer
	if gob.NewEncoder(&body).Encode(p.known) != nil {
		return
	}
	sum := sha256.Sum256(body.Bytes())
	// An error costs reading only: the home may be read-only.
	_ = atomicfile.Write(p.file, slices.Concat([]byte(programDigestsSchema), sum[:], body.Bytes()))
}

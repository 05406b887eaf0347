package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// userPrograms is what all sets of a user know together of compilers, so that the first build of
// a project or worktree neither reads 200 MB nor starts compilers to ask them. It is used as a
// set's own state is: only while the signatures of all files that it rests on, times of
// the last change of their inodes included, are the same. Losing the file costs asking again.
type userPrograms struct {
	file  string // "" = nothing is kept
	known *knownPrograms
}

// knownPrograms is the content of the file.
type knownPrograms struct {
	Digests    map[string]fileDigest
	Toolchains memo[probed] // by the program that asked, drivers and environment
}

// userProgramsSchema changes with what is written.
const userProgramsSchema = "replibuild programs 2\n"

// read returns what is known. The file is read when it is first needed.
func (p *userPrograms) read() *knownPrograms {
	if p.known == nil {
		p.known = readPrograms(p.file)
	}
	return p.known
}

// find returns the hash of a file that has a signature, "" if it is not known.
func (p *userPrograms) find(file string, sig ipc.Signature) string {
	if d := p.read().Digests[file]; d.Sig == sig {
		return d.Digest
	}
	return ""
}

// toolchain returns what another set was told of a toolchain, and what that rests on, if nothing
// of that has changed.
func (p *userPrograms) toolchain(key string, w watcher) (probed, *deps, bool) {
	key = string(stateHeader()) + key
	t, ok := p.read().Toolchains.get(key, time.Now().Unix(), w)
	if !ok {
		return probed{}, nil, false
	}
	return t, p.known.Toolchains[key].Basis, true
}

func readPrograms(file string) *knownPrograms {
	none := func() *knownPrograms {
		return &knownPrograms{Digests: map[string]fileDigest{}, Toolchains: memo[probed]{}}
	}
	if file == "" {
		return none()
	}
	known := none()
	text, err := os.ReadFile(file)
	body, ok := bytes.CutPrefix(text, []byte(userProgramsSchema))
	if err != nil || !ok || len(body) < sha256.Size {
		return known
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if real := sha256.Sum256(body); !bytes.Equal(real[:], sum) || gob.NewDecoder(bytes.NewReader(body)).Decode(known) != nil {
		return none()
	}
	return known
}

// addDigests keeps hashes for other sets.
func (p *userPrograms) addDigests(fresh map[string]fileDigest) {
	if len(fresh) == 0 {
		return
	}
	p.change(func(k *knownPrograms) {
		if len(k.Digests) > maxDigests {
			clear(k.Digests)
		}
		maps.Copy(k.Digests, fresh)
	})
}

// addToolchain keeps an answer for other sets.
func (p *userPrograms) addToolchain(key string, t probed, basis *deps) {
	p.change(func(k *knownPrograms) { k.Toolchains.put(string(stateHeader())+key, time.Now().Unix(), t, basis) })
}

// change adds to what others have added meanwhile. If two do so at the same time, some of it is
// lost.
func (p *userPrograms) change(add func(*knownPrograms)) {
	if p.file == "" {
		return
	}
	p.known = readPrograms(p.file)
	add(p.known)
	var body bytes.Buffer
	if gob.NewEncoder(&body).Encode(p.known) != nil {
		return
	}
	sum := sha256.Sum256(body.Bytes())
	// An error costs asking only: the home may be read-only.
	_ = atomicfile.Write(p.file, slices.Concat([]byte(userProgramsSchema), sum[:], body.Bytes()))
}

// saysAnywhere reports whether programs without arguments say the same in whichever folder they
// are asked: none of them is named by a path relative to the folder, and no variable holds one.
func saysAnywhere(env []string, programs ...string) bool {
	relative := func(name string) bool { return strings.Contains(name, "/") && !filepath.IsAbs(name) }
	if slices.ContainsFunc(programs, relative) {
		return false
	}
	for _, kv := range environment.ForPlan(env) {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "PATH", "LD_LIBRARY_PATH":
			if slices.ContainsFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) }) {
				return false
			}
		case "CC", "CXX", "AR", "LD":
			if slices.ContainsFunc(strings.Fields(value), relative) {
				return false
			}
		case "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LANG", "REPLIBUILD_MODULE_PATH": // are no part of the question
		default:
			if !strings.HasPrefix(name, "LC_") && !strings.HasPrefix(name, "PKG_CONFIG") {
				return false // such as CPATH, which may hold a relative path in some form of its own
			}
		}
	}
	return true
}

package remotehelper

import (
	"crypto/sha256"
	"path"
	"slices"
	"strings"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// digestOf is the digest of data.
func digestOf(data []byte) remotewire.Digest { return sha256.Sum256(data) }

// protoDigest is a digest as the protocol has it.
func protoDigest(d remotewire.Digest, size int64) *re.Digest {
	return &re.Digest{Hash: d.String(), SizeBytes: size}
}

// marshal encodes a message in one way only: digests are made of it.
func marshal(m proto.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err) // messages of ours hold valid UTF-8 and no required fields
	}
	return data
}

// actionDigest makes of a key the digest of a real Action, whose salt holds the key: servers
// want a digest with the size of its message, and some look at the message. The instance is
// in the salt too, because some servers keep the results of all instances together.
func actionDigest(instance string, key remotewire.Digest) *re.Digest {
	command := marshal(&re.Command{Arguments: []string{"replibuild"}})
	action := marshal(&re.Action{
		CommandDigest:   protoDigest(digestOf(command), int64(len(command))),
		InputRootDigest: protoDigest(digestOf(nil), 0),
		Salt:            []byte("replibuild/1 " + instance + " " + key.String()),
	})
	return protoDigest(digestOf(action), int64(len(action)))
}

// maxMeta bounds the bytes beside the files: they come with each answer.
const maxMeta = 1 << 20

// resultOf is a value as the protocol has it. The bytes beside the files stand where the
// output of a program would.
func resultOf(files []remotewire.File, meta []byte) *re.ActionResult {
	r := &re.ActionResult{StdoutRaw: meta}
	for _, f := range files {
		r.OutputFiles = append(r.OutputFiles, &re.OutputFile{Path: f.Name, Digest: protoDigest(f.Digest, f.Size), IsExecutable: f.Executable})
	}
	return r
}

// valueOf reads a value. What a value of ours cannot hold is a fault: another server, or
// another program, wrote it.
func valueOf(r *re.ActionResult) (*value, error) {
	v := &value{meta: r.GetStdoutRaw()}
	names := map[string]bool{}
	for _, o := range r.GetOutputFiles() {
		f := remotewire.File{Name: o.GetPath(), Size: o.GetDigest().GetSizeBytes(), Executable: o.GetIsExecutable()}
		if err := f.Digest.UnmarshalText([]byte(o.GetDigest().GetHash())); err != nil || f.Size < 0 || !plainName(f.Name) || names[f.Name] {
			return nil, fault(remotewire.CauseDamaged, "a result names the file %q with the digest %q and the size %d", f.Name, o.GetDigest().GetHash(), f.Size)
		}
		names[f.Name] = true
		v.files = append(v.files, f)
		v.contents = append(v.contents, nil)
	}
	if len(r.GetOutputDirectories())+len(r.GetOutputSymlinks()) > 0 || r.GetExitCode() != 0 || len(v.meta) > maxMeta {
		return nil, fault(remotewire.CauseDamaged, "a result holds what RepliBuild does not store")
	}
	return v, nil
}

// plainName reports whether a name cannot lead out of a folder.
func plainName(name string) bool {
	return name != "" && name == path.Clean(name) && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\\x00")
}

// setContents keeps the contents of a file if they are what the digest says.
func (v *value) setContents(i int, data []byte) error {
	f := v.files[i]
	if int64(len(data)) != f.Size || digestOf(data) != f.Digest {
		return fault(remotewire.CauseDamaged, "the contents of %s that came with a result are not those of the blob %s", f.Name, f.Digest)
	}
	v.contents[i] = data
	return nil
}

// wanted returns the positions of the files that a look-up asks for and that have not come
// along, as far as they are small enough.
func (v *value) wanted(inline []string) (positions []int) {
	room := int64(maxInline)
	for i, f := range v.files {
		if v.contents[i] == nil && slices.Contains(inline, f.Name) && f.Size <= room && f.Size > 0 {
			positions = append(positions, i)
			room -= f.Size
		}
	}
	return positions
}

// maxInline bounds what one look-up brings along, in bytes. It fits a message of 4 MiB, the
// limit that gRPC has where nobody sets another.
const maxInline = 3 << 20

package remotehelper

import (
	"maps"
	"slices"
	"strings"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// folder is a folder of an input root.
type folder struct {
	files   map[string]remotewire.File
	folders map[string]*folder
}

func newFolder() *folder {
	return &folder{files: map[string]remotewire.File{}, folders: map[string]*folder{}}
}

// inputRoot makes the folders of a command's inputs. It is an error if a path leads out of
// the root, or is both a file and a folder.
func inputRoot(inputs []remotewire.File) (*folder, error) {
	root := newFolder()
	for _, f := range inputs {
		if !plainName(f.Name) {
			return nil, fault(remotewire.CauseLocal, "%q is no path in an input root", f.Name)
		}
		if !root.add(strings.Split(f.Name, "/"), f) {
			return nil, fault(remotewire.CauseLocal, "%q is twice in an input root, or beneath a file", f.Name)
		}
	}
	return root, nil
}

func (d *folder) add(path []string, f remotewire.File) bool {
	name := path[0]
	_, file := d.files[name]
	sub := d.folders[name]
	switch {
	case file || len(path) == 1 && sub != nil:
		return false
	case len(path) == 1:
		d.files[name] = f
		return true
	case sub == nil:
		sub = newFolder()
		d.folders[name] = sub
	}
	return sub.add(path[1:], f)
}

// encode returns the digest of the folder as a Directory, and appends all messages to blobs.
// The protocol has one form for a Directory: its parts are sorted by name, so equal
// folders have equal digests.
func (d *folder) encode(blobs *[]remotewire.File) *re.Digest {
	m := &re.Directory{}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[name]
		m.Files = append(m.Files, &re.FileNode{Name: name, Digest: protoDigest(f.Digest, f.Size), IsExecutable: f.Executable})
	}
	for _, name := range slices.Sorted(maps.Keys(d.folders)) {
		m.Directories = append(m.Directories, &re.DirectoryNode{Name: name, Digest: d.folders[name].encode(blobs)})
	}
	return addMessage(blobs, m)
}

// addMessage appends a message as a blob and returns its digest.
func addMessage(blobs *[]remotewire.File, m proto.Message) *re.Digest {
	data := marshal(m)
	f := remotewire.File{Digest: digestOf(data), Size: int64(len(data)), Data: data}
	*blobs = append(*blobs, f)
	return protoDigest(f.Digest, f.Size)
}

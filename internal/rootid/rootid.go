// Package rootid names the project folder that a state file belongs to: by path, device
// and inode. A copy of a project brings the state of the original along, and so does a
// folder that was moved. Each file beneath .replibuild/state has the name of its folder
// in its header, and is used only where the name is the same.
package rootid

import (
	"bytes"
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
)

// ID names one folder. It is one line of text.
type ID string

// Of looks at the folder root, an absolute path without links.
func Of(root string) ID {
	sig := ipc.StatSignature(root)
	return ID(fmt.Sprintf("root %q %x.%x", root, sig.Dev, sig.Ino))
}

// Header is the line that a state file has in its header.
func (id ID) Header() []byte { return append([]byte(id), '\n') }

// Cut takes the line of this folder off the beginning of text. It returns false if the
// line names another folder, or if there is none.
func (id ID) Cut(text []byte) (rest []byte, ours bool) {
	return bytes.CutPrefix(text, id.Header())
}

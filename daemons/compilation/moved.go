package compilation

import (
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// movedSince says, as a doubt, which folder that leads to a file was moved into place since
// the process started: the files in it keep their times. A folder that gains a name gets
// both times anew, one that is moved only that of its inode. A trace needs no such sign,
// it has the inode of each file that was opened.
func movedSince(about *subject, files []string) string {
	for dir := range snapshot.Ancestors(about.view.Root, files) {
		abs := about.view.Abs(dir)
		if sig := ipc.StatSignature(abs); about.view.Disks.Latest(abs, sig) >= about.since && sig.Ctime != sig.Mtime {
			return dir + " was moved or changed while it was " + about.recipe.verb()
		}
	}
	return ""
}

package compilation

import (
	"io/fs"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// Outputs have the permissions that the tool would give them under the umask of the
// shell that builds, those from the cache too: 0666 or 0777 less the umask.

// anyExecute are the permissions to execute a file.
const anyExecute fs.FileMode = 0o111

// makeFolder makes a folder in which outputs are made.
func (w *work) makeFolder(dir string) error {
	w.s.lease.WritesIn(dir)
	return w.caller.MakeFolder(dir)
}

// withPermissions gives an output of the cache the permissions that it has for the caller.
func (w *work) withPermissions(out cache.Output) cache.Output {
	if w.caller == nil {
		return out
	}
	mode := fs.FileMode(0o666)
	if fs.FileMode(out.Mode)&anyExecute != 0 {
		mode = 0o777
	}
	out.Mode = uint32(w.caller.Permissions(mode))
	return out
}

// permissionsToKeep are those that the cache keeps of an output. What a linker makes can
// be executed, also where the umask takes that away.
func (w *work) permissionsToKeep(a *action, mode fs.FileMode) uint32 {
	hidden := w.caller != nil && fs.FileMode(w.caller.Umask)&anyExecute == anyExecute
	linked := a.recipe.Kind == ipc.ActionLink
	if hidden && linked {
		mode |= anyExecute
	}
	return uint32(mode.Perm())
}

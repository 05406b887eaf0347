package replibuild

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// What the service does with commands that are no compiles, archives or links
// ([ipc.ReuseInPlace], [ipc.ReuseStored]). Discovery gets no records of them: whether one has to
// run is ninja's to say, and the service says only that it need not after all.

// outputNames are the outputs of a command as the service knows them, each once: CMake lists an
// output twice, relative to the build folder and absolute.
func (r *NinjaRunner) outputNames(c ninjabuild.Command) (names []string) {
	root := r.project.Root()
	for _, out := range c.Outputs {
		name := ninjabuild.FileName(root, out)
		if filepath.IsAbs(name) { // perhaps through a link
			if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
				name = ninjabuild.FileName(root, filepath.Join(dir, filepath.Base(name)))
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isIn reports whether the service can have a part in a command. Commands that run no longer than
// it takes to ask make no set for a build folder.
func (r *NinjaRunner) isIn(c ninjabuild.Command, known ninjabuild.Recognised) bool {
	if !known.Cheap || r.opened {
		return true
	}
	_, err := os.Stat(filepath.Join(c.Dir, ".replibuild"))
	return err == nil
}

// finished gives the result of a command that the service ran, or that need not run. A command that
// was skipped would have written its outputs; with restat, ninja asks whether it has.
func finished(root string, c ninjabuild.Command, known ninjabuild.Recognised, began time.Time, result ipc.ActionResult) ninjabuild.Result {
	isCommand := known.Action.Kind == ipc.ActionCommand
	if !isCommand || result.Status == ipc.StatusCached && !c.Restat {
		renew(root, c, began)
	}
	return ninjabuild.Result{Output: []byte(result.Diagnostics), Service: &result, Untouched: isCommand && result.InPlace}
}

package compilation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/remotecache"
)

// On a worker a compiler sees the files of this machine under the names that they have here,
// and no others: an overlay of its file system puts the inputs into the places of the worker's
// own folders, and hides everything else there is. So names in objects, messages and dependency
// files are those of a compile here, and a header of the worker cannot be read. Tried with
// clang 19: with and without -g the objects are equal, byte for byte.

const (
	// folderOfInputs is the folder of the inputs in that of the command, and fileOfOverlay the
	// file with the overlay.
	folderOfInputs = "in"
	fileOfOverlay  = "files.yaml"
	// here is the folder of a command by an absolute name: with -working-directory compilers take
	// relative names of outputs to be in that folder.
	here = "/proc/self/cwd/"

	objectThere  = "out.o"
	depfileThere = "out.d"
)

// farmCommand is a compile as a worker runs it.
type farmCommand struct {
	args    []string // of the compiler, without its program
	depfile string   // that the command writes here, as it spells it; "" for none
}

// forWorker changes the call of a compiler so that it runs on a worker.
func (w *work) forWorker(args []string, output string) (*farmCommand, error) {
	c := &farmCommand{args: []string{"-cc1", "-ivfsoverlay", fileOfOverlay, "-working-directory", w.root}}
	outputs := 0
	for i := 2; i < len(args); i++ {
		arg := args[i]
		switch {
		case slices.Contains(onlyHere, arg) || strings.HasPrefix(arg, "-fmodule"):
			return nil, fmt.Errorf("its compiler is called with %s", arg)
		case arg == "-o" && i+1 < len(args) && args[i+1] == output:
			c.args = append(c.args, arg, here+objectThere)
			outputs++
			i++
		case arg == "-dependency-file" && i+1 < len(args):
			c.depfile = args[i+1]
			c.args = append(c.args, arg, here+depfileThere)
			i++
		default:
			c.args = append(c.args, arg)
		}
	}
	if outputs != 1 {
		return nil, fmt.Errorf("it is not known where its compiler writes")
	}
	if dir := searchedTwice(w.view, args); dir != "" {
		return nil, fmt.Errorf("it searches %s by two names", dir)
	}
	return c, nil
}

// onlyHere are arguments with which a compiler reads or writes more than its sources and its
// output, or says something of folders that are not on the worker.
var onlyHere = flagList("-include-pch", "-load", "-plugin", "-add-plugin", "-ivfsoverlay", "-working-directory", "-split-dwarf-file",
	"-split-dwarf-output", "-Wmissing-include-dirs", "-Weverything", "-header-include-file", "-MJ", "-diagnostic-log-file",
	"-serialize-diagnostic-file", "-opt-record-file", "-coverage-notes-file", "-coverage-data-file", "-fprofile-sample-use",
	"-main-file-name=", "-E", "-S", "-emit-llvm", "-emit-pch")

// outputs are what the command makes on the worker.
func (c *farmCommand) outputs() []string {
	if c.depfile != "" {
		return []string{depfileThere, objectThere}
	}
	return []string{objectThere}
}

// overlay is the text of the overlay for a set of inputs. It maps whole folders of the root: what
// is not among the inputs does not exist there.
func overlay(inputs []remotecache.Input, root string) string {
	type mapped struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		External string `json:"external-contents"`
	}
	var tops []string
	for _, in := range inputs {
		path := strings.TrimPrefix(in.Name, folderOfInputs+"/")
		tops = append(tops, path[:strings.Index(path, "/")])
	}
	slices.Sort(tops)
	var roots []mapped
	for _, top := range slices.Compact(tops) {
		roots = append(roots, mapped{"directory-remap", "/" + top, folderOfInputs + "/" + top})
	}
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"version": 0, "case-sensitive": "true", "use-external-names": "false", "overlay-relative": "true", "fallthrough": "false", "roots": roots,
	})
	if err != nil {
		panic(err) // texts can always be written as JSON
	}
	return string(text)
}

// spelledDepfile is the dependency file as records spell it.
func (c *farmCommand) spelledDepfile(root string) string { return snapshot.Spell(root, c.depfile) }

package orchestrator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/ipc"
)

// compileCommand is one entry of a compilation database, as
// https://clang.llvm.org/docs/JSONCompilationDatabase.html has it.
type compileCommand struct {
	Directory string   `json:"directory"`
	Arguments []string `json:"arguments"`
	File      string   `json:"file"`
	Output    string   `json:"output"`
}

// compileCommandsPath is where clangd looks for it: beneath the build folder.
func compileCommandsPath(root, buildDir string) string {
	return filepath.Join(root, buildDir, "compile_commands.json")
}

// writeCompileCommands writes the plain commands of all units, one a line, unless
// the file says just that: clangd and editors watch it.
func writeCompileCommands(p *ipc.Plan, caller *ipc.Caller) error {
	text, err := compileCommands(p)
	if err != nil {
		return err
	}
	path := compileCommandsPath(p.Root, p.BuildDir)
	if before, err := os.ReadFile(path); err == nil && bytes.Equal(before, text) {
		return nil
	}
	if err := caller.MakeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return replaceFile(path, text, caller)
}

func compileCommands(p *ipc.Plan) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	text.WriteString("[\n")
	between := ""
	for u := range p.Units() {
		text.WriteString(between)
		between = ",\n"
		err := enc.Encode(compileCommand{Directory: p.Root, Arguments: p.Line(u), File: u.Source, Output: u.Output()})
		if err != nil {
			return nil, fmt.Errorf("command of %s: %w", u.ID, err)
		}
		text.Truncate(text.Len() - 1) // Encode's newline
	}
	text.WriteString("\n]\n")
	return text.Bytes(), nil
}

// replaceFile is [atomicfile.Write] for a file that others may read, as the caller's umask says.
func replaceFile(path string, data []byte, caller *ipc.Caller) error {
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if caller != nil {
		err = errors.Join(err, f.Chmod(caller.Permissions(0o666)))
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// updateCompileCommands brings compile_commands.json up to date beside the compiler and
// returns how to wait for it. Most often it was already written for this plan.
func (b *build) updateCompileCommands() (wait func()) {
	if b.lastBuild.commandsFor == b.plan.ID && !b.commandsLost() {
		return func() {}
	}
	written := make(chan error, 1)
	p := b.plan
	go func() { written <- writeCompileCommands(p, b.job.req.Caller) }()
	return func() {
		if err := <-written; err != nil {
			b.lastBuild.commandsFor = ""
			b.emit(ipc.Notice{
				Level: "warning", Message: fmt.Sprintf("cannot write compile_commands.json: %v", err),
				Hint: "editors that use it will not know new files and flags",
			})
			return
		}
		b.lastBuild.commandsFor, b.lastBuild.buildDir = p.ID, p.BuildDir
	}
}

// commandsLost reports whether compile_commands.json was there and is not any more.
func (b *build) commandsLost() bool {
	if b.lastBuild.commandsFor == "" {
		return false
	}
	_, err := os.Stat(compileCommandsPath(b.s.cfg.Root, b.lastBuild.buildDir))
	return errors.Is(err, os.ErrNotExist)
}

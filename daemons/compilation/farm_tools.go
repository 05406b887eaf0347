package compilation

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// Where the compiler lies in the folder of a command.
const (
	loaderThere    = "tool/ld.so"
	librariesThere = "tool/lib"
	programThere   = "tool/bin/clang"
)

// farmTools are the compilers that a build has sent, by their paths.
type farmTools struct {
	mu    sync.Mutex
	known map[string]*farmTool
}

// farmTool is a compiler with the libraries that it loads and what loads them.
type farmTool struct {
	inputs []remotecache.Input
	sigs   map[string]ipc.Signature // of the files
}

// startThere starts the compiler in the folder of a command: by the dynamic loader of this
// machine and with the libraries that the compiler has here, so that nothing else of the worker
// but its kernel takes part.
var startThere = []string{loaderThere, "--inhibit-cache", "--library-path", librariesThere, programThere}

// toolOf is the compiler at a path.
func (w *work) toolOf(ctx context.Context, program string) (tool *farmTool, err error) {
	t := &w.farm.tools
	t.mu.Lock()
	defer t.mu.Unlock()
	tool = t.known[program]
	if tool == nil || tool.changed() {
		if tool, err = w.findTool(ctx, program); err != nil {
			return nil, err
		}
		if t.known == nil {
			t.known = map[string]*farmTool{}
		}
		t.known[program] = tool
	}
	return tool, nil
}

func (t *farmTool) changed() bool {
	for path, sig := range t.sigs {
		if ipc.StatSignature(path) != sig {
			return true
		}
	}
	return false
}

// findTool finds what a program loads by asking its dynamic loader.
func (w *work) findTool(ctx context.Context, program string) (*farmTool, error) {
	loader, err := loaderOf(program)
	if err != nil {
		return nil, err
	}
	o, err := w.s.runner.Run(ctx, process.Task{Args: []string{loader, "--list", program}, Dir: "/", Env: w.env, Timeout: askTimeout}, nil)
	if err != nil || !o.OK() {
		return nil, fmt.Errorf("%s does not say what %s loads", loader, program)
	}
	tool := &farmTool{sigs: map[string]ipc.Signature{}}
	if err := tool.add(w, program, programThere); err != nil {
		return nil, err
	}
	if err := tool.add(w, loader, loaderThere); err != nil {
		return nil, err
	}
	for line := range strings.Lines(o.Output) { // NAME => PATH (0xADDRESS)
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "=>" {
			continue
		}
		if strings.Contains(fields[0], "/") {
			continue // the loader itself
		}
		if err := tool.add(w, fields[2], librariesThere+"/"+fields[0]); err != nil {
			return nil, err
		}
	}
	return tool, nil
}

func (t *farmTool) add(w *work, path, name string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	sum, err := w.view.DigestOf(real)
	if err != nil {
		return err
	}
	t.sigs[real] = ipc.StatSignature(real)
	t.inputs = append(t.inputs, remotecache.Input{Name: name, Digest: sum, Size: t.sigs[real].Size, Executable: true, Path: real})
	return nil
}

// loaderOf is the dynamic loader that a program names.
func loaderOf(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err != nil {
			return "", err
		}
		return string(bytes.TrimRight(text, "\x00")), nil
	}
	return "", errors.New(program + " names no dynamic loader")
}

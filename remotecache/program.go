package remotecache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// programName is the program that speaks the protocols, beside replibuild.
const programName = "replibuild-remote"

// startProgram starts the program at path, "" for the one beside this executable. Closing
// the pipe ends it; it ends by itself when this process is gone.
func startProgram(path string) (io.ReadWriteCloser, error) {
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, err
		}
		if real, err := filepath.EvalSymlinks(own); err == nil {
			own = real
		}
		path = filepath.Join(filepath.Dir(own), programName)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
	}
	cmd := exec.Command(path)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	switch err := cmd.Start(); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is missing: install it beside replibuild", path)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be started: %w", path, err)
	}
	return &program{cmd, in, out}, nil
}

// program is the running program with its standard input and output.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// Read implements [io.Reader].
func (p *program) Read(b []byte) (int, error) { return p.out.Read(b) }

// Write implements [io.Writer].
func (p *program) Write(b []byte) (int, error) { return p.in.Write(b) }

// PID is the number of the process.
func (p *program) PID() int { return p.cmd.Process.Pid }

// Close ends the program. It has no state to save, so it is killed: then a program that
// hangs ends as well.
func (p *program) Close() error {
	p.in.Close()
	_ = p.cmd.Process.Kill() // fails if it has ended
	_ = p.cmd.Wait()         // its status says nothing of use
	return nil
}

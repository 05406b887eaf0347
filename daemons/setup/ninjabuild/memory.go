package ninjabuild

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Memory is a Runner that remembers builds that had nothing to do. The next build of the same
// targets need not read the manifest and the logs, nor look at each file, if something that
// watches the files knows that none has changed.
type Memory interface {
	// UpToDate reports whether the build with this key, which had nothing to do when it was
	// remembered, has nothing to do again: each file that it looked at is as it was, and so is
	// all that [Doubter] rests on. dir and env are those of [Doubter].
	UpToDate(ctx context.Context, dir string, env []string, key string) bool
	// Remember takes what a build with nothing to do rested on.
	Remember(ctx context.Context, dir, key string, looked *Looked)
}

// Looked is all files that a build looked at, with their signatures at that moment.
type Looked struct {
	Since   time.Time     // before the first look
	Files   []ipc.FileSig // those that were there; paths as the manifest has them
	Missing []string
	Read    []ipc.FileSig // those that were read; they are among Files or Missing too
}

// look notes a file.
func (l *Looked) look(path string, sig ipc.Signature) {
	if sig.Exists() {
		l.Files = append(l.Files, ipc.FileSig{Path: path, Sig: sig})
	} else {
		l.Missing = append(l.Missing, path)
	}
}

// note notes a file that is going to be read. A nil receiver notes nothing.
func (l *Looked) note(path, at string) {
	if l == nil {
		return
	}
	sig := ipc.StatSignature(at)
	l.look(path, sig)
	l.Read = append(l.Read, ipc.FileSig{Path: path, Sig: sig})
}

// memory is the runner's memory, nil if this build cannot use it: a tool, a build that only
// says what it would do, or one that says more than that there is nothing to do.
func (m *program) memory() Memory {
	o := &m.opts
	if o.tool != nil || o.dryRun || o.explain || o.stats {
		return nil
	}
	if _, set := m.environment("MAKEFLAGS"); set && !o.jobsGiven {
		return nil // a jobserver is announced, or a warning is printed
	}
	memory, _ := m.Runner.(Memory)
	return memory
}

// memoryKey tells builds apart that may have different things to do.
func (m *program) memoryKey() string {
	return fmt.Sprintf("%q %t %q", m.opts.file, m.opts.phonyCycleFail, m.opts.args)
}

// remembered reports whether there is nothing to do, without reading the manifest.
func (m *program) remembered(ctx context.Context) bool {
	memory := m.memory()
	if memory == nil {
		return false
	}
	if _, err := m.format(); err != nil {
		return false // that is said after the manifest was read
	}
	return memory.UpToDate(ctx, m.disk.dir, m.Env, m.memoryKey())
}

// remember hands over what this build rested on. One that printed a warning has to print it
// again.
func (m *program) remember(ctx context.Context) {
	if memory := m.memory(); memory != nil && !m.warned {
		memory.Remember(ctx, m.disk.dir, m.memoryKey(), m.disk.looked)
	}
}

// NothingToDo returns what [Main] would print of a build that the caller's runner, a [Memory],
// knows to have nothing to do. ok is false if Main has to look.
func NothingToDo(ctx context.Context, c Caller) (printed []byte, ok bool) {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	m := newProgram(c)
	if m.parse(c.Args) != nil || m.enter() != nil || stderr.Len() > 0 || !m.remembered(ctx) {
		return nil, false
	}
	m.nothingToDo()
	m.out.Flush()
	return stdout.Bytes(), true
}

// nothingToDo says so.
func (m *program) nothingToDo() {
	if m.opts.verbosity != quiet {
		m.printf("ninja: no work to do.\n")
	}
}

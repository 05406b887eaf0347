package daemons

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// spawn starts one daemon, detached, and waits until it is ready. Lock and listeners
// are the daemon's from then on; the caller closes its own copies.
func (l *Launcher) spawn(ctx context.Context, c claim, at bound) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	listeners, err := at.files()
	if err != nil {
		writer.Close()
		return err
	}
	cmd := l.command(c, writer, listeners)
	log := l.openLog(c, at.port)
	if log != nil {
		cmd.Stdout, cmd.Stderr = log, log
		defer log.Close()
	}
	err = startDetached(cmd)
	writer.Close()
	for _, f := range listeners {
		f.Close()
	}
	if err != nil {
		return err
	}
	// The process that starts a daemon has to take its exit status, or leaves a zombie.
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return l.await(ctx, c.name, cmd.Process, reader, exited)
}

// await waits for the first word of a daemon that was just started.
func (l *Launcher) await(ctx context.Context, name string, process *os.Process, reader *os.File, exited <-chan error) error {
	stop := context.AfterFunc(ctx, func() { reader.SetReadDeadline(time.Unix(1, 0)) })
	err := awaitReady(reader, readyLimit)
	stop()
	if err == nil {
		l.noteReady(name)
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	process.Kill() // our own child, not yet waited for or gone for good
	select {
	case how := <-exited:
		if errors.Is(err, errDiedEarly) {
			err = fmt.Errorf("%w (%s)%s", err, exitWords(how), quoteLast(l.Paths, name))
			l.noteDeath(name)
		}
	case <-time.After(time.Second):
	}
	return err
}

// noteDeath counts the crash of a daemon that was not ready yet and so left no endpoint
// of its own behind. If the count is lost, the daemon is only started once more.
func (l *Launcher) noteDeath(name string) {
	r := l.Paths.readRestarts(name).crashed(time.Now())
	r.DiedIn = bootID()
	l.Paths.writeRestarts(name, r)
}

// noteReady ends the state that noteDeath began.
func (l *Launcher) noteReady(name string) {
	if r := l.Paths.readRestarts(name); r.DiedIn != "" {
		r.DiedIn = ""
		l.Paths.writeRestarts(name, r)
	}
}

// command is the daemon's process. It gets nothing of the caller's environment, terminal,
// folder or descriptors. [startDetached] adds that it has no lowered limits either.
func (l *Launcher) command(c claim, ready *os.File, listeners []*os.File) *exec.Cmd {
	args := []string{"daemon", c.name, "--project", l.Paths.Root}
	if l.Args != nil {
		args = l.Args(c.name)
	}
	cmd := exec.Command(l.Exe, args...)
	cmd.Dir = string(os.PathSeparator)
	words := []string{fdReady, fdLock}
	cmd.ExtraFiles = []*os.File{ready, c.lock.file}
	for _, f := range listeners {
		words = append(words, fdListen)
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	env := l.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = []string{
		"HOME=" + ipc.EnvValue(env, "HOME"),
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"REPLIBUILD_HOME=" + l.Paths.Home,
		"REPLIBUILD_EXE=" + l.Exe,
		inheritVariable + "=" + strings.Join(words, ","),
	}
	// A binary built with the race detector sleeps a second at its end, unless told
	// otherwise by this: tests of daemons would mostly sleep.
	if race := ipc.EnvValue(env, "GORACE"); race != "" {
		cmd.Env = append(cmd.Env, "GORACE="+race)
	}
	return cmd
}

// openLog opens the daemon's log for what it prints before it has opened it itself, and
// says there if the daemon lost its port. If the log cannot be opened, the daemon starts
// without it.
func (l *Launcher) openLog(c claim, port int) *os.File {
	f, err := openPrivate(l.Paths.LogFile(c.name), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil
	}
	if c.port != 0 && c.port != port {
		slog.New(slog.NewJSONHandler(f, nil)).Warn("the port is taken, using another", "old", c.port, "new", port)
	}
	return f
}

func exitWords(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func quoteLast(p Paths, name string) string {
	if words := lastWords(p, name); words != "" {
		return ": " + words
	}
	return ""
}

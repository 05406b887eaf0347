package tui

import (
	"bytes"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// BenchmarkIdle holds goal 2: the real dashboard on a set that runs and has nothing to
// do computes at most 0.7 % of the time and writes nothing. It takes 95 seconds: for
// the first minute uptimes are shown in seconds, and after the second they change.
func BenchmarkIdle(b *testing.B) {
	bin := program(b)
	dir, home := sampleProject(b)
	run := func(args ...string) {
		cmd := exec.Command(bin, append(args, "--project", dir)...)
		cmd.Env = withoutCI(home)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	run("start")
	defer run("stop")
	run("compile")
	began := time.Now()
	master, slave := openPTY(b, 120, 36)
	cmd := exec.Command(bin, "tui", "--project", dir)
	cmd.Env = withoutCI(home)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	readUntil(b, master, "live")
	master.SetReadDeadline(time.Time{})
	var wrote written
	go io.Copy(&wrote, master)
	const window = 30 * time.Second
	for b.Loop() {
		time.Sleep(time.Until(began.Add(62 * time.Second)))
		wrote.take()
		computed := processTime(b, cmd.Process.Pid)
		time.Sleep(window)
		b.ReportMetric(100*(processTime(b, cmd.Process.Pid)-computed).Seconds()/window.Seconds(), "cpu-%")
		text := wrote.take()
		b.ReportMetric(float64(len(text)), "bytes-written")
		if text != "" {
			b.Logf("written: %s", ansi.Strip(text))
		}
	}
}

// written keeps what is written to it.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

// take returns what was written since, and forgets it.
func (w *written) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.text.Reset()
	return w.text.String()
}
